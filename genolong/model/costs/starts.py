"""How many operations a CPU starts on a GPU in a training step: in short windows, the GPU waits for it."""

from genolong.model.attention.blocks import segment_blocks
from genolong.model.costs.step import Step

ATEN = 11  # of PyTorch's operations, in short windows, for a flash kernel's one


def starts(step: Step) -> int:
    """About as many as are counted on a device, for blocks like those of the presets.

    The numbers are fitted to such counts. Blocks without a convolution start a seventh less; `aten` may start half more
    and, in long windows, more than twice as much; and messages between devices come in addition.
    """
    layers, half, calls, runs = step.encoder.layers, step.half, _calls(step), step.runs_of_blocks
    attention = calls * (4 if step.kernels == "flash" and not half else 3)  # there, back, and sums of rows laid out
    if step.lean:
        stretches = -(-step.batch * step.longest_slice // step.stretch)
        groups = -(-step.encoder.heads // step.heads_at_once)
        around, block = 40 + 24 * stretches, 6 + 11 * half + (40 + 7 * half + 18 * groups) * stretches + attention
        again = step.run_alone * (6 + 2 * stretches + calls)
        inputs = (runs - layers - step.run_alone) * (13 + 13 * stretches + calls)
    else:
        around, block, inputs = 47 + 8 * half, 41 + 15 * half + attention, 0
        again = (runs - layers) * (23 + calls)
    return step.accumulation * (around + layers * block + again + inputs) + 92 * layers * step.muon


def _calls(step: Step) -> int:
    """Operations of attention in a block's forward pass: one for all, or one for each part at regular distances."""
    if step.kernels == "triton":
        return 1
    heads, length = step.encoder.heads, step.longest_slice
    blocks = [
        block
        for segment, dilation in step.branches
        for block in segment_blocks(0, length, min(segment, length), dilation, heads, 0, heads)
    ]
    return ATEN * len(blocks) if step.kernels == "aten" else sum(len(block.apart()) for block in blocks)
