"""What decides on the costs of a training step: the encoder, the windows, what is kept, and how devices share both."""

from dataclasses import dataclass

from genolong.model.attention.geometry import Branch
from genolong.model.compilers.cpp import multiplies_bfloat16
from genolong.model.encoder import EncoderSettings
from genolong.model.lean_block import heads_at_once
from genolong.model.recompute import groups
from genolong.parallel.slices import longest, slice_bounds


@dataclass(frozen=True)
class Step:
    """A training step on hidden bases, as its devices share it; numbers are those of conf/.

    `half` is mixed precision (bf16-mixed), `fused` a device whose kernels do a norm at once, as a GPU's do, `kernels`
    what the encoder runs on. `muon` and `averaged` say how many numbers the optimizer and a running mean keep of each
    weight.
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
        """Where the slices of a window begin, and its length."""
        return slice_bounds(self.window_bp, self.sequence)

    @property
    def longest_slice(self) -> int:
        """Positions of a window that a device holds at most."""
        return longest(self.bounds)

    @property
    def device(self) -> str:
        """What the step runs on, as PyTorch calls it."""
        return "cuda" if self.fused else "cpu"

    @property
    def native(self) -> bool:
        """Whether attention's backward pass reads of an output its sums alone, as C++ and Triton do."""
        return self.kernels in ("cpp", "triton")

    @property
    def native_convolution(self) -> bool:
        """Whether convolutions run in C++ or in Triton."""
        return self.kernels in ("cpp", "triton", "flash")

    @property
    def widens(self) -> bool:
        """Whether 16-bit products go through 32 bits, as on CPUs that have no instructions for them."""
        return self.half and self.device == "cpu" and not multiplies_bfloat16()

    @property
    def lean(self) -> bool:
        """Whether blocks run a few heads and a stretch of positions at a time."""
        return self.checkpoint_blocks > 0 and not self.encoder.dropout

    @property
    def heads_at_once(self) -> int:
        """Heads that are attended together."""
        heads, width = self.encoder.heads, self.encoder.width
        if not self.lean:
            return heads
        return heads_at_once(heads, width // heads, self.batch, self.longest_slice, 2 if self.half else 4, self.device)

    @property
    def share_at_once(self) -> float:
        """The same as a share of all heads."""
        return self.heads_at_once / self.encoder.heads

    @property
    def hidden(self) -> int:
        """Channels of the MLP's inner layer."""
        return round(self.encoder.width * self.encoder.mlp_ratio)

    @property
    def gates(self) -> int:
        """How many numbers the MLP's first layer makes for each of `hidden`."""
        return 2 if self.encoder.mlp == "swiglu" else 1

    @property
    def run_alone(self) -> int:
        """How many blocks, the first ones, are run again for their own backward pass: those whose outputs are not kept.

        In little memory the heads' outputs of the last one are kept, and with `checkpoint_blocks` 1 those of all.
        """
        if self.checkpoint_blocks == 0 or (self.lean and self.checkpoint_blocks == 1):
            return 0
        return self.encoder.layers - self.lean

    @property
    def groups(self) -> list[int]:
        """How many blocks are in each group, of which all but the last are run again from their input."""
        return [end - begin for begin, end in groups(self.encoder.layers, self.checkpoint_blocks)]

    @property
    def runs_of_blocks(self) -> int:
        """How often blocks are run forward in a step, all together.

        Each for itself once more where its outputs are not kept, and those of a group for the inputs of the next ones.
        """
        return self.encoder.layers + self.run_alone + sum(size - 1 for size in self.groups[:-1])


@dataclass(frozen=True)
class Weights:
    """How many weights there are: of the matrices of the blocks, of one block in all, and in all."""

    matrices: int
    block: int
    all: int


def weights(encoder: EncoderSettings) -> Weights:
    """The parameters of an encoder and the head that names bases."""
    width, hidden = encoder.width, round(encoder.width * encoder.mlp_ratio)
    inner = hidden * (2 if encoder.mlp == "swiglu" else 1)
    matrices = 4 * width * width + width * inner + hidden * width
    norms = width * (3 if encoder.kernel else 2)
    taps = width * (encoder.kernel + 1) if encoder.kernel else 0
    block = matrices + norms + taps + inner + width
    head = 4 * width + 4
    return Weights(encoder.layers * matrices, block, encoder.layers * block + 7 * width + head)
