"""Runs a block in little memory: attention for a few heads at a time, the rest for a stretch of positions."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from genolong.model.attention.joint import Joint, sums_along
from genolong.model.convolution import Convolution
from genolong.model.dilated_attention import (
    Geometry,
    attend_branches,
    attend_branches_backward,
    sums_suffice,
)
from genolong.model.few_queries import attend_few
from genolong.model.norm import Norm
from genolong.model.recompute import Sums, autocast_now, stretches
from genolong.model.rotary import Rotation, rotate, turn
from genolong.model.spare import Spare
from genolong.parallel.slices import longest

HELD_BYTES = {"cpu": 1 << 30, "cuda": 1 << 31}  # of queries, keys and values attended together

Weights = tuple[Tensor, ...]


class Parts(NamedTuple):
    """What a block consists of, each for any stretch of positions.

    The convolution, if any, reads `reach` positions on each side; its outermost `reach` outputs in a stretch are wrong,
    and dropped. `taps` is its weight, laid out once for all stretches. `norm.rounded(states)` is the attention's input:
    its product with the weight `weights.rows` is the queries, keys and values, (batch, positions, 3 * heads * width),
    to be rotated by `turn`. `end(states, out)` takes the states before attention and the outputs of all heads (batch,
    positions, heads * width), and returns the states after attention and the MLP's inner activations, whose product
    with the weight and bias `weights.last` is added to these states.
    """

    heads: int
    convolution: Convolution | None
    taps: Tensor | None
    norm: Norm
    turn: Rotation
    end: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    weights: "PartWeights"
    spare: Spare

    @property
    def reach(self) -> int:
        return 0 if self.convolution is None else self.convolution.reach


class PartWeights(NamedTuple):
    """The parameters of each part."""

    near: Weights
    norm: Weights
    rows: Weights
    end: Weights
    last: Weights

    @property
    def all(self) -> Weights:
        return self.near + self.norm + self.rows + self.end + self.last

    def no_gradients(self) -> "Gradients":
        """Those of no stretch, to which each stretch adds its own."""
        near, norm, (rows,), end, last = self
        return Gradients(Sums(near), Sums(norm), torch.zeros_like(rows), Sums(end), Sums(last))


class Gradients(NamedTuple):
    """Those of all parameters; the one of the queries, keys and values is made some heads at a time."""

    near: Sums
    norm: Sums
    rows: Tensor
    end: Sums
    last: Sums

    @property
    def all(self) -> list[Tensor]:
        return [*self.near.all, *self.norm.all, self.rows, *self.end.all, *self.last.all]


def run_lean(
    wide: Float[Tensor, "batch wide width"], left: int, length: int, parts: Parts, geometry: Geometry, *,
    again: bool = False, within: bool = False,
) -> Float[Tensor, "batch length width"]:  # fmt: skip
    """The block's output states at `length` positions of `wide`, from `left` on; the other positions are its halo.

    Kept for the backward pass are `wide`, the heads' outputs and one number per head and position. Everything but the
    attention is recomputed there, once; queries, keys, values and their gradients are held only for a few heads. If the
    block is run `again` just for its backward pass, where nothing reads its output, the output is zeros, and the
    first heads' rows are kept, too. `within` a chain of blocks, nothing else reads the incoming gradient either, so
    its memory is overwritten.
    """
    run = _Run(left, length, parts, geometry, again, within)
    return _LeanBlock.apply(wide, run, *parts.weights.all)  # type: ignore[no-any-return]


def run_few(
    wide: Float[Tensor, "batch wide width"], left: int, length: int, parts: Parts, geometry: Geometry,
    columns: Sequence[int],
) -> Float[Tensor, "batch columns width"]:  # fmt: skip
    """The same at a few positions, without an autograd graph; other positions only get keys and values."""
    near = _Near(wide, left, length, parts)
    outs = [heads.attend_few(near, columns) for heads in _groups(parts, geometry, wide)]
    states = torch.cat([near.states(begin, end) for begin, end in _runs(columns)], dim=1)
    behind, inner = parts.end(states, torch.cat(outs, dim=2).flatten(2))
    return behind + functional.linear(inner, *parts.weights.last)


def _runs(columns: Sequence[int]) -> list[tuple[int, int]]:
    """Start and end of each run of consecutive columns, in order."""
    runs: list[tuple[int, int]] = []
    for column in columns:
        begin = runs.pop()[0] if runs and runs[-1][1] == column else column
        runs.append((begin, column + 1))
    return runs


class _Run(NamedTuple):
    left: int
    length: int
    parts: Parts
    geometry: Geometry
    again: bool
    within: bool


class _LeanBlock(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, wide: Tensor, run: _Run, *weights: Tensor):
        parts, near = run.parts, _Near(wide, run.left, run.length, run.parts)
        groups, shape = _groups(parts, run.geometry, wide), (wide.shape[0], run.length, wide.shape[2])
        first = _Made(groups[0], run.length)
        if run.again:
            states = wide.new_zeros(()).expand(shape)
            outs, lses = _attend(near, groups, near.states, first)
        else:
            states = wide.new_empty(shape)
            outs, lses = _write_states(near, groups, states)
        ctx.save_for_backward(wide, first.kept(outs), outs, *lses, *weights)
        ctx.run, ctx.autocast = run, autocast_now(wide.device.type)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor):
        run: _Run = ctx.run
        parts = run.parts
        wide, rows, outs, *lses = ctx.saved_tensors[: -len(parts.weights.all)]
        near = _Near(wide, run.left, run.length, parts)
        totals = parts.weights.no_gradients()
        total = grad if run.within and grad.shape == wide.shape and grad.is_contiguous() else torch.zeros_like(wide)
        with ctx.autocast():
            groups = _groups(parts, run.geometry, wide)
            made = [_Made(heads, run.length) for heads in groups]
            made[0].take(rows)
            del rows
            along, joints = _end_backward(near, grad, outs, lses, made[0], groups, total, totals)
            for heads, joint, own, following in zip(groups, joints, made, [*made[1:], None], strict=True):
                heads.backward(near, heads.of(along), joint, own, following, total, totals)
            if parts.convolution is not None:
                _near_backward(near, parts.convolution, total, totals)
        return total, None, *totals.all


def _attend(
    near: "_Near", groups: Sequence["_Heads"], states: Callable[[int, int], Tensor], first: "_Made | None" = None
) -> tuple[Tensor, list[Tensor]]:
    """All heads' outputs, (batch, length, heads, width), and the log-sum-exp of each group's rows.

    The rows of the first group stay in `first`, if it is given.
    """
    made = [first or _Made(groups[0], near.length), *(_Made(heads, near.length) for heads in groups[1:])]
    (batch, _, width), heads, lses = near.wide.shape, near.parts.heads, []
    outs = near.wide.new_empty((batch, near.length, heads, width // heads), dtype=_row_type(near.wide))
    for each in made:
        each.make_all(near, states)
        lses.append(each.attend(outs))
        if each is not first:
            each.give_back()
    return outs, lses


def _write_states(near: "_Near", groups: Sequence["_Heads"], states: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Write the block's output states, and return what `_attend` does."""

    def made(begin: int, end: int) -> Tensor:
        return states[:, begin:end]

    for begin, end in near.stretches():
        states[:, begin:end] = near.states(begin, end)
    outs, lses = _attend(near, groups, made)
    for begin, end in near.stretches():
        _add_end(near.parts, outs[:, begin:end], made(begin, end))
    return outs, lses


def _add_end(parts: Parts, outs: Tensor, states: Tensor) -> None:
    """Turn the states before attention into those after the block, given the heads' outputs."""
    behind, inner = parts.end(states, outs.flatten(2))
    torch.add(behind, functional.linear(inner, *parts.weights.last), out=states)


class _Near(NamedTuple):
    """States before attention, which the convolution makes from `wide`, one stretch at a time."""

    wide: Tensor
    left: int
    length: int
    parts: Parts

    def own(self, wide: Tensor) -> Tensor:
        """The block's own positions, without the halo."""
        return wide[:, self.left : self.left + self.length]

    def stretches(self) -> list[tuple[int, int]]:
        return stretches(self.own(self.wide), max(1, self.parts.reach))

    def reads(self, begin: int, end: int) -> tuple[int, int]:
        """The range of positions in `wide` that a stretch's states depend on."""
        begin, end = begin + self.left, end + self.left
        return max(begin - self.parts.reach, 0), min(end + self.parts.reach, self.wide.shape[1])

    def states(self, begin: int, end: int) -> Tensor:
        low, high = self.reads(begin, end)
        read, at = self.wide[:, low:high], begin + self.left - low
        convolution = self.parts.convolution
        states = read if convolution is None else convolution(read, self.parts.taps)
        return states[:, at : at + end - begin]


def _end_backward(
    near: _Near, grad: Tensor, outs: Tensor, lses: Sequence[Tensor], first: "_Made", groups: Sequence["_Heads"],
    total: Tensor, totals: Gradients,
) -> tuple[Tensor, list[Joint]]:  # fmt: skip
    """The gradient of all heads' outputs, and the softmax of each group; writes the states' gradients to `total`.

    Also makes the rows of the `first` group, unless they exist, because the states are available here. If the outputs
    are no longer needed, their gradients overwrite them.
    """
    parts, unmade = near.parts, not first.there
    last, *_ = parts.weights.last
    in_place = sums_suffice(groups[0].of(outs), groups[0].geometry)
    place = outs if in_place else torch.empty_like(outs)
    sums = torch.empty(outs.shape[:3], dtype=lses[0].dtype, device=grad.device) if in_place else None

    def run(begin: int, end: int) -> None:  # a function, so that nothing of a stretch is left when the next one begins
        states = near.states(begin, end).detach().requires_grad_()
        if unmade:
            first.make(begin, end, parts.norm.rounded(states.detach()))
        out = outs[:, begin:end].flatten(2).detach().requires_grad_()
        with torch.enable_grad():
            behind, inner = parts.end(states, out)
        above = grad[:, begin:end]
        rows = above.flatten(0, 1).to(inner.dtype)
        of_last = rows.mT @ inner.detach().flatten(0, 1), rows.sum(0)
        of_inner = (rows @ last.to(inner.dtype)).view(inner.shape)
        found = torch.autograd.grad([behind, inner], [states, out, *parts.weights.end], [above, of_inner])
        near.own(total)[:, begin:end] = found[0]
        along = found[1].unflatten(-1, (parts.heads, -1))
        if sums is not None:
            sums[:, begin:end] = sums_along(along, out.detach().view(along.shape))
        place[:, begin:end] = along  # may overwrite `out`
        totals.end.add(found[2:])
        totals.last.add(of_last)

    for begin, end in near.stretches():
        run(begin, end)
    joints = [
        Joint(heads.of(outs), lse, None) if sums is None else Joint(None, lse, heads.of(sums))
        for heads, lse in zip(groups, lses, strict=True)
    ]
    return place, joints


def _near_backward(near: _Near, convolution: Convolution, total: Tensor, totals: Gradients) -> None:
    """Turn the gradients of the states before attention, in `total`, into those of the convolution's input, in place.

    A stretch's share of the next stretch's gradient is added only after the gradients there have been read.
    """
    waiting = total[:, :0]
    for begin, end in near.stretches():
        low, high = near.reads(begin, end)
        here, before = near.own(total)[:, begin:end], begin + near.left - low
        found, *of_weights = convolution.gradients(near.wide[:, low:high], here, before, near.parts.taps)
        total[:, low : low + before].add_(found[:, :before])
        here.copy_(found[:, before : before + end - begin])
        total[:, low + before : low + before + waiting.shape[1]].add_(waiting)
        waiting = found[:, before + end - begin :]
        totals.near.add(of_weights)
    total[:, total.shape[1] - waiting.shape[1] :].add_(waiting)


def heads_at_once(heads: int, width: int, batch: int, length: int, number: int, device: str) -> int:
    """How many heads of `width` channels are attended together: two or more, in groups of about the same size.

    `length` is the longest slice of any device, so that all devices use the same groups. `number` is the size of one
    number of a row in bytes.
    """
    most = max(2, HELD_BYTES.get(device, HELD_BYTES["cuda"]) // (3 * number * width * batch * length))
    return -(-heads // -(-heads // most))


def _row_type(states: Tensor) -> torch.dtype:
    """The type of queries, keys and values."""
    device = states.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else states.dtype


def _groups(parts: Parts, geometry: Geometry, states: Tensor) -> list["_Heads"]:
    heads, (batch, _, width), number = parts.heads, states.shape, _row_type(states).itemsize
    at_once = heads_at_once(heads, width // heads, batch, longest(geometry.shard.bounds), number, states.device.type)
    weight = _by_head(parts.weights.rows[0].detach().to(_row_type(states)), heads)
    return [
        _Heads(
            first, min(at_once, heads - first), parts, geometry._replace(first_head=first),
            weight[:, first : first + at_once].flatten(0, 2),
        )
        for first in range(0, heads, at_once)
    ]  # fmt: skip


def _by_head(weight: Tensor, heads: int) -> Tensor:
    """The weight of all heads' queries, keys and values, or its gradient, as (3, heads, width, channels)."""
    return weight.unflatten(0, (3, heads, -1))


class _Heads(NamedTuple):
    """A group of heads of a block; `weight` makes their rows, in the type of the product."""

    first: int
    count: int
    parts: Parts
    geometry: Geometry
    weight: Float[Tensor, "three_count_width channels"]

    def rows(self, normed: Tensor) -> Tensor:
        """Their queries, keys and values, not yet rotated: (batch, positions, 3, count, width)."""
        flat = functional.linear(normed.flatten(0, 1), self.weight)  # one product, whatever the strides of one window
        return flat.view(*normed.shape[:2], 3, self.count, -1)

    def of(self, tensor: Tensor) -> Tensor:
        """The part of (batch, length, heads[, width]) that belongs to these heads."""
        return tensor[:, :, self.first : self.first + self.count]

    def attend_few(self, near: _Near, columns: Sequence[int]) -> Tensor:
        """The heads' outputs at a few positions: (batch, columns, count, width)."""
        made = _Made(self, near.length)
        made.make_all(near, near.states)
        queries, keys, values = made.rows.unbind(2)
        out = attend_few(queries[:, columns], keys, values, columns, self.geometry)
        made.give_back()
        return out

    def backward(
        self, near: _Near, grad: Tensor, joint: Joint, made: "_Made", following: "_Made | None", total: Tensor,
        totals: Gradients,
    ) -> None:  # fmt: skip
        """Add to the gradients of states and weights the contribution of these heads, given their outputs' gradient.

        Also makes the rows of the `following` group, because the states are available here.
        """
        queries, keys, values = made.rows.unbind(2)
        grads = attend_branches_backward(grad, queries, keys, values, joint, self.geometry, self.parts.spare)
        del queries, keys, values  # else they would keep the rows' memory
        made.give_back()
        of_weight = _by_head(totals.rows, self.parts.heads)[:, self.first : self.first + self.count]
        for begin, end in near.stretches():
            normed, norm_backward = self.parts.norm.opened(near.states(begin, end))
            if following is not None:
                following.make(begin, end, normed)
            turned = rotate(grads[:, begin:end], self.parts.turn.stretch(begin, end - begin).back())
            rows = turned.flatten(2).flatten(0, 1)
            of_weight += (rows.mT @ normed.flatten(0, 1).to(rows.dtype)).view(of_weight.shape)
            above = (rows @ self.weight).view(normed.shape).to(normed.dtype)
            totals.norm.add([norm_backward(above, near.own(total)[:, begin:end])])
        self.parts.spare.give_back(grads)


class _Made:
    """Rotated queries, keys and values of some heads, made stretch by stretch: (batch, length, 3, count, width)."""

    def __init__(self, heads: _Heads, length: int) -> None:
        self._heads, self._length = heads, length
        self.rows = torch.empty(0)

    @property
    def there(self) -> bool:
        return self.rows.numel() > 0

    def kept(self, outs: Tensor) -> Tensor:
        """The rows, or, if there are none, an expanded zero of their shape; the heads' outputs have their type."""
        out = self._heads.of(outs)
        shape = out.shape[0], self._length, 3, *out.shape[2:]
        return self.rows if self.there else out.new_zeros(()).expand(shape)

    def take(self, kept: Tensor) -> None:
        """Use rows that `kept` returned, unless they are the expanded zero."""
        if kept.stride(-1):
            self.rows = kept

    def attend(self, outs: Tensor) -> Tensor:
        """Write the outputs of these heads to their place in `outs`; returns the log-sum-exp of each row."""
        queries, keys, values = self.rows.unbind(2)
        return attend_branches(queries, keys, values, self._heads.geometry, self._heads.of(outs))[1]

    def make_all(self, near: _Near, states: Callable[[int, int], Tensor]) -> None:
        """Make the rows of all stretches."""
        for begin, end in near.stretches():
            self.make(begin, end, self._heads.parts.norm.rounded(states(begin, end)))

    def make(self, begin: int, end: int, normed: Tensor) -> None:
        """Make the rows of a stretch from its normed states."""
        parts, part = self._heads.parts, self._heads.rows(normed)
        if begin == 0:
            self.rows = parts.spare.empty((part.shape[0], self._length, *part.shape[2:]), part)
        turn(part, parts.turn.stretch(begin, end - begin), self.rows[:, begin:end])

    def give_back(self) -> None:
        """Give the rows' memory back for reuse."""
        self._heads.parts.spare.give_back(self.rows)
        self.rows = torch.empty(0)
