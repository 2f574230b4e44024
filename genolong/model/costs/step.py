"""The settings that determine a training step's costs: encoder, windows, recomputation, precision and devices."""

from dataclasses import dataclass

from genolong.model.attention.geometry import Branch
from genolong.model.compilers.cpp import lanes, multiplies_bfloat16
from genolong.model.encoder_settings import EncoderSettings
from genolong.model.lean_block import heads_at_once
from genolong.model.recompute import groups, stretch_positions
from genolong.parallel.slices import longest, slice_bounds


@dataclass(frozen=True)
class Step:
    """A training step on hidden bases, with the settings of conf/.

    `half` is mixed precision (bf16-mixed), `fused` a device that computes a norm in one kernel, as GPUs do, `kernels`
    the kernels of the encoder. `muon` and `averaged` determine how many numbers the optimizer and a running mean keep
    per weight.
    """

    encoder: EncoderSettings
    window_bp: int
    batch: int
    accumulation: int
    checkpoint_blocks: int
    half: bool
    fused: bool
    kernels: str
    muon: bool
    averaged: bool
    devices: int
    sequence: int
    share_weights: bool

    @property
    def branches(self) -> tuple[Branch, ...]:
        return self.encoder.branches(self.window_bp)

    @property
    def bounds(self) -> tuple[int, ...]:
        """The starts of a window's slices, and its length."""
        return slice_bounds(self.window_bp, self.sequence)

    @property
    def longest_slice(self) -> int:
        """The most positions of a window that a device holds."""
        return longest(self.bounds)

    @property
    def device(self) -> str:
        """PyTorch's name for the type of device."""
        return "cuda" if self.fused else "cpu"

    @property
    def native(self) -> bool:
        """Whether attention's backward pass needs only sums of grad * output, not the output, as in C++ and Triton."""
        return self.kernels in ("cpp", "triton")

    @property
    def native_convolution(self) -> bool:
        """Whether convolutions run in C++ or in Triton."""
        return self.kernels in ("cpp", "triton", "flash")

    @property
    def widens(self) -> bool:
        """Whether 16-bit products are computed in 32 bits, as on CPUs with AVX-512 but no instructions for them.

        With shorter vectors PyTorch multiplies them without oneDNN, slowly, but needs no memory for it.
        """
        return self.half and self.device == "cpu" and lanes() == 16 and not multiplies_bfloat16()

    @property
    def lean(self) -> bool:
        """Whether blocks run in little memory: a few heads or one stretch of positions at a time."""
        return self.checkpoint_blocks > 0 and not self.encoder.dropout

    @property
    def stretch(self) -> int:
        """Positions that a block in little memory runs at a time, over all windows of a batch."""
        longest = self.longest_slice
        return self.batch * min(stretch_positions(self.batch, longest, self.encoder.width, self.device), longest)

    @property
    def heads_at_once(self) -> int:
        """The number of heads attended together."""
        heads, width = self.encoder.heads, self.encoder.width
        if not self.lean:
            return heads
        return heads_at_once(heads, width // heads, self.batch, self.longest_slice, 2 if self.half else 4, self.device)

    @property
    def share_at_once(self) -> float:
        """The same as a share of all heads."""
        return self.heads_at_once / self.encoder.heads

    @property
    def run_alone(self) -> int:
        """How many of the first blocks are recomputed for their backward pass, because their outputs are not kept.

        In little memory the heads' outputs of the last block are kept, and with `checkpoint_blocks` 1 those of all.
        """
        if self.checkpoint_blocks == 0 or (self.lean and self.checkpoint_blocks == 1):
            return 0
        return self.encoder.layers - self.lean

    @property
    def groups(self) -> list[int]:
        """The number of blocks in each group; all groups but the last are recomputed from their input."""
        return [end - begin for begin, end in groups(self.encoder.layers, self.checkpoint_blocks)]

    @property
    def runs_of_blocks(self) -> int:
        """The total number of forward runs of blocks in a step.

        This includes a second run of each block whose outputs are not kept, and runs of a group's blocks to recompute
        the inputs of the blocks after them.
        """
        return self.encoder.layers + self.run_alone + sum(size - 1 for size in self.groups[:-1])


@dataclass(frozen=True)
class Weights:
    """Numbers of weights: in the matrices of all blocks, in one block, and in total."""

    matrices: int
    block: int
    all: int


def weights(encoder: EncoderSettings) -> Weights:
    """The numbers of weights of an encoder with the head that predicts bases."""
    width, hidden = encoder.width, encoder.hidden
    inner = hidden * encoder.gates
    matrices = 4 * width * width + width * inner + hidden * width
    norms = width * (3 if encoder.kernel else 2)
    taps = width * (encoder.kernel + 1) if encoder.kernel else 0
    block = matrices + norms + taps + inner + width
    head = 4 * width + 4
    return Weights(encoder.layers * matrices, block, encoder.layers * block + 7 * width + head)
