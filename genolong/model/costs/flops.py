"""Floating-point operations of a training step: matrix products, convolutions and attention pairs."""

from collections.abc import Sequence
from typing import NamedTuple

from genolong.model.attention.geometry import Branch
from genolong.model.costs.step import Step
from genolong.model.recompute import stretch_positions


class Flops(NamedTuple):
    """Operations of one device in one optimizer step; a multiplication with its addition counts as two."""

    forward: int
    backward: int
    recomputation: int

    @property
    def all(self) -> int:
        return sum(self)


class Parts(NamedTuple):
    """Operations of one block's forward pass, for all windows of a batch."""

    convolution: int
    inward: int
    attention: int
    outward: int
    mlp: int
    mlp_outward: int


def flops(step: Step) -> Flops:
    """Operations of the busiest device; a backward pass of matrix products costs twice, of attention 2.5 times as much.

    In Triton it is 3.5 times, because the kernels for queries and for keys each compute the scores again. Masked pairs
    in Triton's tiles are not counted. Neither are norms, rotations, activations, the loss and the optimizer: they are
    limited by memory, not by arithmetic.
    """
    found = max((_of_process(step, process) for process in range(step.sequence)), key=lambda one: one.all)
    return Flops(*(step.accumulation * part for part in found))


def attention_pairs(bounds: Sequence[int], process: int, branch: Branch, heads: int) -> int:
    """Query-key pairs of one branch over all heads, for the queries that a process holds.

    A head's rows in a segment are at its offset, head * dilation // heads, and at every dilation-th position after it;
    each query is paired with all of them, whichever process holds them.
    """
    begin, end, length = bounds[process], bounds[process + 1], bounds[-1]
    if begin == end:
        return 0
    segment, dilation = min(branch.segment, length), branch.dilation
    first, last = begin // segment, (end - 1) // segment
    pairs = 0
    for head in range(heads):
        offset = head * dilation // heads
        cut = {first, last} if first < last else {first}
        for number in cut:
            start = number * segment
            size = min(segment, length - start)
            own = _rows(min(end - start, size), offset, dilation) - _rows(max(begin - start, 0), offset, dilation)
            pairs += own * _rows(size, offset, dilation)
        pairs += max(0, last - first - 1) * _rows(segment, offset, dilation) ** 2
    return pairs


def _rows(positions: int, offset: int, dilation: int) -> int:
    """How many of a segment's first `positions` positions are at `offset` or a multiple of `dilation` after it."""
    return max(0, -(-(positions - offset) // dilation))


def _of_process(step: Step, process: int) -> Flops:
    part = _parts(step, process)
    layers = step.encoder.layers
    block = sum(part) - part.mlp_outward  # which `mlp` includes
    head = 2 * 4 * step.encoder.width * step.batch * (step.bounds[process + 1] - step.bounds[process])
    forward = layers * block + head
    backward = (
        layers * (2 * (block - part.attention) + (7 if step.kernels == "triton" else 5) * part.attention // 2)
        + 2 * head
    )
    again = (step.runs_of_blocks - layers) * block
    if step.lean:
        of_heads = -(-step.encoder.heads // step.heads_at_once)
        # a block that is recomputed for its backward pass runs the convolution for each group of heads, and stops after
        # its attention, with the first group's projections kept; the backward pass runs the rest, the projections, and
        # the convolution for each group of heads, for the MLP, and, by PyTorch, for the convolution's own gradient
        again += head
        convolutions = 1 + of_heads + (not step.native_convolution)
        behind = part.outward + part.mlp
        first_group = step.heads_at_once * part.inward // step.encoder.heads
        again += step.run_alone * ((of_heads - 1) * part.convolution - behind - first_group)
        again += layers * (part.inward + behind - part.mlp_outward + convolutions * part.convolution)
    return Flops(forward, backward, again)


def _parts(step: Step, process: int) -> Parts:
    encoder = step.encoder
    positions = step.bounds[process + 1] - step.bounds[process]
    width, tokens = encoder.width, step.batch * positions
    pairs = sum(attention_pairs(step.bounds, process, branch, encoder.heads) for branch in step.branches)
    convolved = positions
    if step.lean:  # each stretch with its halo
        reach = encoder.kernel // 2
        at_once = stretch_positions(step.batch, positions, width, step.device, reach)
        begins = range(0, positions, at_once)
        convolved += sum(min(begin, reach) + min(reach, max(0, positions - begin - at_once)) for begin in begins)
    outward = 2 * tokens * encoder.hidden * width
    return Parts(
        convolution=2 * encoder.kernel * width * step.batch * convolved,
        inward=6 * tokens * width * width,
        attention=4 * step.batch * pairs * (width // encoder.heads),
        outward=2 * tokens * width * width,
        mlp=2 * tokens * width * encoder.hidden * encoder.gates + outward,
        mlp_outward=outward,
    )
