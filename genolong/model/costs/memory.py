"""Memory of a training step on one device: weights, gradients, optimizer state, activations, and the peak."""

from typing import NamedTuple

from genolong.model.attention.blocks import CHUNK_BYTES
from genolong.model.costs.kept import LOSS, KeptRows, kept_rows
from genolong.model.costs.step import Step, weights
from genolong.model.costs.traffic import STATE_BYTES, per_process


class Memory(NamedTuple):
    """Bytes. `activations` is what the backward pass holds at its peak, without weights, gradients and optimizer.

    `gathered` are other devices' keys and values, this one's messages and their gradients, while they are needed.
    """

    weights: int
    optimizer: int
    gradients: int
    activations: int
    gathered: int
    peak: int


def memory(step: Step) -> Memory:
    """Memory of the device that needs most, in any step after the first, when the optimizer has its state.

    The previous step's gradients exist until the forward pass is done.
    """
    counted, share = weights(step.encoder), step.devices if step.share_weights else 1
    whole = STATE_BYTES * counted.all
    states = 2 * whole - (STATE_BYTES * counted.matrices if step.muon else 0)
    own, states, gradients = whole // share, states // share, whole // share
    held = own + states + (whole if step.averaged else 0)
    if (
        step.devices > 1
    ):  # buckets for summing gradients; or, with shared weights, two complete blocks and one block's gradient
        held += 3 * STATE_BYTES * counted.block if step.share_weights else whole
    if step.half:  # matrices in the precision of products
        held += 2 * (counted.block if step.checkpoint_blocks else counted.all)
    backward, layers = _backward(step), step.encoder.layers
    made = [gradients if step.accumulation > 1 else gradients * (layers - at) // layers for at in range(layers)]
    in_blocks = (activations + some for activations, some in zip(backward, made, strict=True))
    peak = max(_end_of_forward(step) + gradients, *in_blocks, 2 * gradients)
    gathered = round(step.share_at_once * _gathered(step))
    return Memory(own, states, gradients, max(backward), gathered, held + peak)


def _end_of_forward(step: Step) -> int:
    """Everything that is kept for the backward pass."""
    rows = kept_rows(step)
    return step.batch * step.longest_slice * (_kept(step, rows)[-1] + rows.end)


def _backward(step: Step) -> list[int]:
    """The peak of each block's backward pass, with what earlier blocks keep; the last block's includes its start."""
    rows = kept_rows(step)
    tokens = step.batch * step.longest_slice
    always = rows.tables + LOSS
    *blocks, at_end = (tokens * (kept + always) for kept in _kept(step, rows))
    if step.lean:  # one stretch at a time; the last block's backward pass comes first, before any gradients are held
        at_end += tokens * rows.state  # the states after the last block, which their gradient overwrites
        in_block, in_last = (_in_lean_block(step, rows, idle) for idle in (_idle(step, rows), 0.0))
    else:
        at_end += tokens * rows.end_backward
        in_block = in_last = _in_block(step, rows)
    return [before + in_block for before in blocks[:-1]] + [max(blocks[-1] + in_last, at_end)]


def _kept(step: Step, rows: KeptRows) -> list[int]:
    """Bytes per position that earlier blocks keep at each block's backward pass; the last entry is for all blocks.

    Recomputed groups keep the inputs of earlier groups (except the first, whose input is codes) and the inputs of all
    blocks of the current group. Blocks whose attention is not recomputed, such as the last one if it is lean, also keep
    the attention's outputs.
    """
    if step.checkpoint_blocks == 0:
        return [before * rows.block for before in range(step.encoder.layers + 1)]
    outputs = rows.row + rows.sums
    inputs = [max(0, group - 1) + at for group, size in enumerate(step.groups) for at in range(size)]
    return [
        count * rows.state + max(0, before - step.run_alone) * outputs
        for before, count in enumerate([*inputs, inputs[-1] + 1])
    ]


def _in_block(step: Step, rows: KeptRows) -> int:
    """The most bytes in the MLP, in the attention, at the start of its projection's backward pass, in the convolution.

    What earlier blocks keep comes in addition.
    """
    tokens = step.batch * step.longest_slice
    halo = step.checkpoint_blocks > 0 and step.sequence > 1 and step.encoder.kernel > 0
    beside = rows.state if halo else 0  # a copy of the slice with its halo
    attention = beside + rows.convolution + rows.attention + rows.state
    return max(
        tokens * (beside + rows.block + rows.mlp_backward),
        tokens * (attention + 4 * rows.row) + _gathered(step) + max(_of_one_head(step), _work(step)),
        tokens * (attention + 3 * rows.row - rows.sums),
        tokens * (beside + rows.convolution + rows.norm_backward),
    )


def _in_lean_block(step: Step, rows: KeptRows, idle: float) -> int:
    """The most bytes in the MLP (one stretch, plus the first heads' rows), and in the attention (some heads at a time).

    The block keeps its input and the heads' outputs, whose gradients overwrite them in C++ and Triton. The gradient of
    the input overwrites the incoming one, except with a halo. `idle` bytes per position are reserved for the gradients
    of rows. What earlier blocks keep comes in addition.
    """
    tokens, share = step.batch * step.longest_slice, step.share_at_once
    kept = 2 * rows.state + rows.row + 2 * rows.sums
    if not step.native or _gathered(step):
        kept += rows.row
    if step.sequence > 1 and step.encoder.kernel:
        kept += rows.state  # the input with its halo; its gradient is wider than the incoming one, which is freed
    return max(
        tokens * round(kept + share * 3 * rows.row + idle) + step.stretch * rows.mlp_stretch,
        tokens * round(kept + share * 6 * rows.row)
        + round(share * _gathered(step)) + max(_of_one_head(step), _work(step)),
    )  # fmt: skip


def _idle(step: Step, rows: KeptRows) -> float:
    """Bytes per position of some heads' rows, whose memory is kept for the next heads."""
    return step.share_at_once * 3 * rows.row if step.lean and not step.fused else 0.0


def _gathered(step: Step) -> int:
    """Bytes of keys and values of all shared segments in a backward pass, of all processes, and of their gradients."""
    if step.sequence == 1:
        return 0
    of_branches = [per_process(step, branch, also=1) for branch in step.branches]
    return 2 * max(map(sum, zip(*of_branches, strict=True)))


def _of_one_head(step: Step) -> int:
    """Bytes of one head's keys and values of the longest shared segment, concatenated, and of their gradients."""
    if step.sequence == 1:
        return 0
    return 2 * max(max(per_process(step, branch, also=0)) for branch in step.branches) // step.encoder.heads


def _work(step: Step) -> int:
    """Bytes of attention's work space: a chunk of the largest branch: five inputs (copied if dilated), gradients."""
    number, heads, share = 2 if step.half else 4, step.encoder.heads, step.share_at_once
    if step.kernels == "triton":
        return 0  # its kernels keep their work space on the chip
    if step.kernels == "flash":
        return _parts(step)
    if step.kernels == "cpp":  # keys, values and their gradients of one problem
        return 16 * step.encoder.width // heads * max(-(-segment // dilation) for segment, dilation in step.branches)
    limit = CHUNK_BYTES[step.device]
    row = step.batch * step.encoder.width * number
    chunks = []
    for segment, dilation in step.branches:
        held = -(-step.longest_slice // dilation) * row * share
        problem = -(-segment // dilation) * row / heads  # one head's rows of a segment are never split
        chunks.append((8 if dilation > 1 else 3) * min(held, max(limit, problem)))
    return round(max(chunks))


def _parts(step: Step) -> int:
    """Bytes of all branches' gradients of their rows, and of 32-bit copies of the rows that one branch reads."""
    row = step.batch * step.encoder.width * step.share_at_once
    held = [-(-step.longest_slice // dilation) * row for _, dilation in step.branches]
    return round(3 * (2 if step.half else 4) * sum(held) + 4 * max(held))
