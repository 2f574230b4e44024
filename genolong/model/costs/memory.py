"""Memory of a training step on one device: weights and what belongs to them, activations, and the peak."""

from typing import NamedTuple

from genolong.model.attention.blocks import CHUNK_BYTES
from genolong.model.costs.kept import LOSS, KeptRows, kept_rows
from genolong.model.costs.step import Step, weights
from genolong.model.costs.traffic import STATE_BYTES, per_process
from genolong.model.recompute import stretch_positions

SMALL = 32 << 20  # bytes; glibc gives back at once what is larger


class Memory(NamedTuple):
    """Bytes. `activations` are all that the fullest moment of the backward pass holds beside what belongs to weights.

    `gathered` are other devices' keys and values, this one's messages and their gradients, while they are needed. Of
    what a block makes and frees, `small` is in tensors of less than 32 MiB, which a C library takes from its heap.
    """

    weights: int
    optimizer: int
    gradients: int
    activations: int
    gathered: int
    small: int
    peak: int


def memory(step: Step) -> Memory:
    """Of the device that needs most, in a step that is not the first: the optimizer has its state.

    The step before's gradients are there until the forward pass is done.
    """
    counted, share = weights(step.encoder), step.devices if step.share_weights else 1
    whole = STATE_BYTES * counted.all
    states = 2 * whole - (STATE_BYTES * counted.matrices if step.muon else 0)
    own, states, gradients = whole // share, states // share, whole // share
    held = own + states + (whole if step.averaged else 0)
    if (
        step.devices > 1
    ):  # buckets in which gradients are summed; or, of shared weights, two blocks, whole, and a gradient
        held += 3 * STATE_BYTES * counted.block if step.share_weights else whole
    if step.half:  # matrices in the precision of products
        held += 2 * (counted.block if step.checkpoint_blocks else counted.all)
    activations = _backward(step)
    some = gradients if step.accumulation > 1 else gradients // step.encoder.layers
    peak = max(_end_of_forward(step) + gradients, activations + some, 2 * gradients)
    gathered = round(step.share_at_once * _gathered(step))
    return Memory(own, states, gradients, activations, gathered, _small(step), held + peak)


def _end_of_forward(step: Step) -> int:
    """All that is kept for the backward pass."""
    rows = kept_rows(step)
    return step.batch * step.longest_slice * (_kept(step, rows)[-1] + rows.end)


def _backward(step: Step) -> int:
    """The fullest moment of the backward pass: at its beginning, or in a block while what others keep waits."""
    rows = kept_rows(step)
    tokens = step.batch * step.longest_slice
    always = rows.tables + LOSS
    *others, last, at_end = (kept + always for kept in _kept(step, rows))
    if step.lean:  # a stretch at a time; the last block's backward pass comes first: no gradients' memory is there yet
        at_end += rows.state  # behind the last block, where their gradient takes their place
        in_block = _in_lean_block(step, rows, last, idle=0.0)
        if others:
            in_block += _in_lean_block(step, rows, max(others), idle=_idle(step, rows))
    else:
        at_end += rows.end_backward
        most = max([*others, last])
        if step.checkpoint_blocks and step.sequence > 1 and step.encoder.kernel:
            most += rows.state  # the slice once more, with its halo
        in_block = _in_block(step, rows, most)
    return max(tokens * at_end, *in_block)


def _kept(step: Step, rows: KeptRows) -> list[int]:
    """Bytes a position that the blocks before each one have kept when its backward pass comes; at the end, all of them.

    Of those whose groups are run again, there are the inputs of the groups before it but the first, which are codes,
    and of all blocks of its own; of blocks whose attention is not run again, as the last one's where it is lean, its
    outputs, too.
    """
    if step.checkpoint_blocks == 0:
        return [before * rows.block for before in range(step.encoder.layers + 1)]
    outputs = rows.row + rows.sums
    inputs = [max(0, group - 1) + at for group, size in enumerate(step.groups) for at in range(size)]
    return [
        count * rows.state + max(0, before - step.run_alone) * outputs
        for before, count in enumerate([*inputs, inputs[-1] + 1])
    ]


def _in_block(step: Step, rows: KeptRows, beside: int) -> tuple[int, ...]:
    """In the MLP, in the attention, where its projection begins, and in the convolution."""
    tokens = step.batch * step.longest_slice
    attention = beside + rows.convolution + rows.attention + rows.state
    return (
        tokens * (beside + rows.block + rows.mlp_backward),
        tokens * (attention + 4 * rows.row) + _gathered(step) + max(_of_one_head(step), _work(step)),
        tokens * (attention + 3 * rows.row - rows.sums),
        tokens * (beside + rows.convolution + rows.norm_backward),
    )


def _in_lean_block(step: Step, rows: KeptRows, beside: int, idle: float) -> tuple[int, ...]:
    """In the MLP, a stretch at a time, beside the first heads' rows, and in the attention, some heads at a time.

    Kept of the block are its input and the heads' outputs, whose gradients take their place in C++ and Triton. The
    gradient of the input takes the place of the one that comes back, but where there is a halo. `idle` bytes a position
    wait for the gradients of rows.
    """
    tokens, share = step.batch * step.longest_slice, step.share_at_once
    kept = beside + 2 * rows.state + rows.row + 2 * rows.sums
    if not step.native or _gathered(step):
        kept += rows.row
    if step.sequence > 1 and step.encoder.kernel:
        kept += rows.state  # the input with its halo; its gradient is wider than the one that comes back, which goes
    return (
        tokens * round(kept + share * 3 * rows.row + idle) + _stretch(step) * rows.mlp_stretch,
        tokens * round(kept + share * 6 * rows.row)
        + round(share * _gathered(step)) + max(_of_one_head(step), _work(step)),
    )  # fmt: skip


def _idle(step: Step, rows: KeptRows) -> float:
    """A position's rows of some heads, whose memory waits for those of the heads that come next."""
    return step.share_at_once * 3 * rows.row if step.lean and not step.fused else 0.0


def _stretch(step: Step) -> int:
    """Positions of all windows of a batch that are run at a time."""
    positions = stretch_positions(step.batch, step.encoder.width, step.device)
    return step.batch * min(positions, step.longest_slice)


def _small(step: Step) -> int:
    """A block's activations where its states are small tensors, and those of a stretch where they are."""
    rows, tokens = kept_rows(step), step.batch * step.longest_slice
    parts = (
        [(tokens, 7 * rows.state), (_stretch(step), rows.mlp_stretch)]
        if step.lean
        else [(tokens, rows.block + rows.mlp_backward)]
    )
    return sum(positions * size for positions, size in parts if positions * rows.state < SMALL)


def _gathered(step: Step) -> int:
    """Keys and values of all shared segments in a backward pass, and as many gradients: everybody's, and this one's."""
    if step.sequence == 1:
        return 0
    of_branches = [per_process(step, branch, also=1) for branch in step.branches]
    return 2 * max(map(sum, zip(*of_branches, strict=True)))


def _of_one_head(step: Step) -> int:
    """A head's keys and values of the longest shared segment in a row, and their gradients."""
    if step.sequence == 1:
        return 0
    return 2 * max(max(per_process(step, branch, also=0)) for branch in step.branches) // step.encoder.heads


def _work(step: Step) -> int:
    """Attention's work space: of a chunk of the neediest branch, five inputs, copied if dilated, and gradients."""
    number, heads, share = 2 if step.half else 4, step.encoder.heads, step.share_at_once
    if step.kernels == "triton":
        return 0  # its kernels hold theirs on the chip
    if step.kernels == "flash":
        return _parts(step)
    if step.kernels == "cpp":  # keys, values and their gradients of one problem
        return 16 * step.encoder.width // heads * max(-(-segment // dilation) for segment, dilation in step.branches)
    limit = CHUNK_BYTES[step.device]
    row = step.batch * step.encoder.width * number
    chunks = []
    for segment, dilation in step.branches:
        held = -(-step.longest_slice // dilation) * row * share
        problem = -(-segment // dilation) * row / heads  # one head's rows of a segment are never cut
        chunks.append((8 if dilation > 1 else 3) * min(held, max(limit, problem)))
    return round(max(chunks))


def _parts(step: Step) -> int:
    """What all branches give for the gradients of their rows, and 32-bit numbers of those that one of them reads."""
    row = step.batch * step.encoder.width * step.share_at_once
    held = [-(-step.longest_slice // dilation) * row for _, dilation in step.branches]
    return round(3 * (2 if step.half else 4) * sum(held) + 4 * max(held))
