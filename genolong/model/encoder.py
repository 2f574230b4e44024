"""The LongNet encoder: codes in, one state per position out, for any length."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import NamedTuple, cast

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn
from torch.nn import functional

from genolong.model.attention.geometry import Branch
from genolong.model.attention.kernel_names import check_kernels
from genolong.model.convolution import Convolution
from genolong.model.dilated_attention import Geometry, dilated_attention
from genolong.model.encoder_settings import EncoderSettings
from genolong.model.gelu import biased_gelu
from genolong.model.lean_block import Parts, PartWeights, run_few, run_lean
from genolong.model.norm import Norm, choose_kernels
from genolong.model.passes.native_passes import NativePasses
from genolong.model.recompute import groups, in_chunks, recomputed, recomputed_alone
from genolong.model.rotary import Rotation, rotate, rotation
from genolong.model.spare import Spare
from genolong.parallel.shard import SequenceShard

TOKENS = 6  # A C G T N and the hidden base


def shard_of(settings: EncoderSettings, window_bp: int, sequence: int) -> SequenceShard:
    """This process's slice of windows that groups of `sequence` share; all processes must call this together."""
    return SequenceShard.of_world(window_bp, sequence, [branch.segment for branch in settings.branches(window_bp)])


class Encoder(nn.Module):
    """Embedding, pre-norm blocks, final norm. Bidirectional; the length need not be known in advance.

    `checkpoint_blocks` trades time for memory in training: 0 keeps every activation; 1 keeps each block's input and
    the heads' outputs, and recomputes everything but the attention; k > 1 keeps the inputs of every k-th block and of
    the last few, and the heads' outputs of the last one. Above 0, and whenever no graph is recorded, blocks run in
    little memory. Exceptions are dropout, whose random numbers cannot be drawn in parts, and partly frozen weights:
    then 1 recomputes attention, too.
    `kernels` cpp, triton or flash do the attention where they can, aten stands for PyTorch's. With cpp, norms,
    convolutions and rotations also run in C++, with triton and flash in Triton. With `mixed`, matrix products in blocks
    use bfloat16, as under autocast; states, norms and a head keep their precision.
    """

    def __init__(self, settings: EncoderSettings, checkpoint_blocks: int = 0) -> None:
        super().__init__()
        self.settings, self.checkpoint_blocks = settings, checkpoint_blocks
        self.embedding = nn.Embedding(TOKENS, settings.width)
        self.blocks = nn.ModuleList(Block(settings) for _ in range(settings.layers))
        self.norm = Norm(settings.width)
        nn.init.normal_(self.embedding.weight, std=1.0)
        self.kernels, self.mixed = "aten", False

    @property
    def kernels(self) -> str:
        return self.norm.kernels

    @kernels.setter
    def kernels(self, kernels: str) -> None:
        check_kernels(kernels)
        choose_kernels(self, kernels)

    def forward(
        self, codes: Integer[Tensor, "batch length"], shard: SequenceShard | None = None, head: nn.Module | None = None
    ) -> Float[Tensor, "batch length channels"]:
        """States of `codes`, which are a whole sequence or this process's slice of it.

        With a `head`, which must treat each position separately, its outputs; in little memory the final states are
        then never held all at once.
        """
        site = self._site(codes, shard)
        blocks = list(cast(Iterable[Block], self.blocks))
        if self._runs_lean(blocks):
            return self._lean(codes, blocks, site, head)
        run: list[Callable[[Tensor], Tensor]] = [partial(block, site=site) for block in blocks]
        if self.checkpoint_blocks and torch.is_grad_enabled():
            run = [partial(recomputed, block) for block in run]
        states = self.norm(self._in_groups(run, codes))
        return states if head is None else head(states)

    def _runs_lean(self, blocks: Sequence["Block"]) -> bool:
        if any(block.drops for block in blocks):
            return False
        if not torch.is_grad_enabled():
            return True
        return self.checkpoint_blocks > 0 and len({weight.requires_grad for weight in self.parameters()}) == 1

    def _lean(self, codes: Tensor, blocks: Sequence["Block"], site: "Site", head: nn.Module | None) -> Tensor:
        run: list[Callable[[Tensor], Tensor]] = [partial(block.lean, site=site, within=True) for block in blocks]
        if self.checkpoint_blocks > 1 and torch.is_grad_enabled():
            run[:-1] = [partial(recomputed_alone, block) for block in run[:-1]]  # the last one's gradient comes first
        states = self._in_groups(run, codes)
        site.spare.clear()
        end = self.norm if head is None else nn.Sequential(self.norm, head)
        return in_chunks(end, states, list(end.parameters()))

    def _in_groups(self, run: list[Callable[[Tensor], Tensor]], codes: Tensor) -> Tensor:
        """Embed the codes and run the blocks; for all groups but the last, only the group's input is kept."""
        first, *others = (run[begin:end] for begin, end in groups(len(run), self.checkpoint_blocks))
        *again, last = [self._embed, *first], *others
        return self._run([*(partial(recomputed, partial(_chain, group)) for group in again), *last], codes)

    def after(
        self, codes: Integer[Tensor, "batch length"], layer: int, shard: SequenceShard | None = None
    ) -> Float[Tensor, "batch length width"]:
        """States after `layer` blocks, not normed; 0: the embedded bases."""
        site = self._site(codes, shard)
        blocks = list(cast(Iterable[Block], self.blocks))[:layer]
        lean = self._runs_lean(blocks)
        return self._run([partial(block.lean if lean else block, site=site) for block in blocks], self._embed(codes))

    @torch.no_grad()
    def at(
        self, codes: Integer[Tensor, "batch length"], columns: Sequence[int]
    ) -> Float[Tensor, "batch columns width"]:
        """The output of `forward` at a few positions of whole sequences, up to rounding.

        The last block is run only for these positions, in little memory.
        """
        site = self._site(codes, None)
        *blocks, last = cast(Iterable[Block], self.blocks)
        before = [partial(block.lean, site=site) for block in blocks]
        return self.norm(self._run([*before, partial(last.few, columns=columns, site=site)], self._embed(codes)))

    def _run(self, functions: list[Callable[[Tensor], Tensor]], states: Tensor) -> Tensor:
        with torch.autocast(states.device.type, torch.bfloat16) if self.mixed else nullcontext():
            return _chain(functions, states)

    def _site(self, codes: Tensor, shard: SequenceShard | None) -> "Site":
        if shard is None and not codes.numel():
            raise ValueError(f"codes {tuple(codes.shape)}: wanted (batch, length), both 1 or more")
        shard = shard or SequenceShard.whole(codes.shape[1])
        width = self.settings.width // self.settings.heads
        turn = rotation(
            shard.start, codes.shape[1], width, self.settings.rotary_base, self.embedding.weight, self.kernels
        )
        return Site(turn, self.settings.branches(shard.length), shard, self.kernels, Spare())

    def _embed(self, codes: Tensor) -> Tensor:
        return self.embedding(codes.int())


def _chain(functions: list[Callable[[Tensor], Tensor]], states: Tensor) -> Tensor:
    for function in functions:
        states = function(states)
    return states


class Site(NamedTuple):
    """The context of states: the rotation of their positions, the attention's branches and kernels, and the slice.

    `spare` is memory that blocks reuse.
    """

    turn: Rotation
    branches: tuple[Branch, ...]
    shard: SequenceShard
    kernels: str
    spare: Spare


class Block(nn.Module):
    """Convolution, dilated attention and MLP, each with a norm before it and added to the states."""

    def __init__(self, settings: EncoderSettings) -> None:
        super().__init__()
        self.convolution = Convolution(settings.width, settings.kernel) if settings.kernel else None
        self.attention = Attention(settings)
        self.mlp = Mlp(settings)
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, states: Tensor, site: Site) -> Tensor:
        if self.convolution is not None:
            wide, left = site.shard.with_halo(states, self.convolution.reach)
            states = self.convolution(wide)[:, left : left + states.shape[1]]
        states = states + self.dropout(self.attention(states, site))
        return states + self.dropout(self.mlp(states))

    @property
    def drops(self) -> bool:
        """Whether dropout is active."""
        return self.training and self.dropout.p > 0

    def lean(self, states: Tensor, site: Site, **how: bool) -> Tensor:
        """Same result as forward, while holding only a few heads' rows or one stretch of positions besides the states.

        `how` is passed to run_lean.
        """
        return run_lean(*self._in_parts(states, site), **how)

    def few(self, states: Tensor, columns: Sequence[int], site: Site) -> Tensor:
        """The same result at a few positions; see run_few."""
        return run_few(*self._in_parts(states, site), columns)

    def _in_parts(self, states: Tensor, site: Site) -> tuple[Tensor, int, int, Parts, Geometry]:
        """The states with their halo, the start and number of our positions in them, the parts, and the geometry."""
        near, attention = self.convolution, self.attention
        wide, left = site.shard.with_halo(states, near.reach) if near is not None else (states, 0)
        taps = None if near is None else near.by_tap()
        parts = Parts(
            attention.heads, near, taps, attention.norm, site.turn, self._end, self._part_weights(), site.spare
        )
        geometry = Geometry(site.branches, 0, attention.heads, site.shard, site.kernels)
        return wide, left, states.shape[1], parts, geometry

    def _end(self, states: Tensor, out: Tensor) -> tuple[Tensor, Tensor]:
        behind = states + self.attention.outward(out)
        return behind, self.mlp.inner(behind)

    def _part_weights(self) -> PartWeights:
        near, attention, mlp = self.convolution, self.attention, self.mlp
        return PartWeights(
            near=() if near is None else tuple(near.parameters()),
            norm=(attention.norm.weight,),
            rows=(attention.inward.weight,),
            end=(attention.outward.weight, mlp.norm.weight, *mlp.inward.parameters()),
            last=(mlp.outward.weight, mlp.outward.bias),
        )


class Attention(nn.Module):
    """Dilated attention with rotary positions."""

    def __init__(self, settings: EncoderSettings) -> None:
        super().__init__()
        self.heads = settings.heads
        self.norm = Norm(settings.width)
        self.inward = nn.Linear(settings.width, 3 * settings.width, bias=False)
        self.outward = nn.Linear(settings.width, settings.width, bias=False)
        nn.init.xavier_uniform_(self.inward.weight)
        nn.init.normal_(self.outward.weight, std=0.02 / (2 * settings.layers) ** 0.5)

    def forward(self, states: Tensor, site: Site) -> Tensor:
        segments, dilations = zip(*site.branches, strict=True)
        queries, keys, values = rotate(self.rows(self.norm.rounded(states)), site.turn).unbind(2)
        out = dilated_attention(queries, keys, values, segments, dilations, shard=site.shard, kernels=site.kernels)
        return self.outward(out.flatten(2))

    def rows(self, normed: Tensor) -> Tensor:
        """Queries, keys and values of all heads: (batch, length, 3, heads, width)."""
        return self.inward(normed).unflatten(-1, (3, self.heads, -1))


class Mlp(nn.Module):
    """Two linear layers with GELU between them, or the gated SwiGLU (arXiv 2002.05202)."""

    def __init__(self, settings: EncoderSettings) -> None:
        super().__init__()
        self.gated = settings.gates == 2
        self.norm = Norm(settings.width)
        self.inward = nn.Linear(settings.width, settings.hidden * settings.gates)
        self.outward = nn.Linear(settings.hidden, settings.width)
        nn.init.xavier_uniform_(self.inward.weight)
        nn.init.normal_(self.outward.weight, std=0.02 / (2 * settings.layers) ** 0.5)
        nn.init.zeros_(self.inward.bias)
        nn.init.zeros_(self.outward.bias)

    def forward(self, states: Tensor) -> Tensor:
        return self.outward(self.inner(states))

    def inner(self, states: Tensor) -> Tensor:
        """The activations of the inner layer, the input of `outward`."""
        normed, passes, layer = self.norm.rounded(states), self.norm.passes(states), self.inward
        in_float32 = normed.dtype == layer.weight.dtype == layer.bias.dtype == torch.float32
        if isinstance(passes, NativePasses) and in_float32 and not self.gated:  # products of 16 bits add the bias
            return biased_gelu(functional.linear(normed, layer.weight), layer.bias, passes)
        hidden = layer(normed)
        if self.gated:
            gate, hidden = hidden.chunk(2, dim=-1)
            return functional.silu(gate) * hidden
        return functional.gelu(hidden)
