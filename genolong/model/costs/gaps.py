"""Gaps in the heap of glibc before 2.38, which arise because PyTorch's memory must be aligned; all factors measured."""

from genolong.kept_memory import KEPT, KEPT_ANYWAY
from genolong.model.costs.kept import kept_rows
from genolong.model.costs.step import Step

OF_ONE = 1.3  # bytes per byte of a block's tensors in the heap, where no block keeps its activations
IN_WORK, PER_KEPT = 0.85, 0.2  # where all blocks do, in float32: for the block in work, and for each block


def gaps(step: Step, *, kept: bool) -> int:
    """Bytes; 0 on a GPU, whose memory the C library does not manage. `kept`: whether it keeps what is freed."""
    if step.fused:
        return 0
    in_heap = _lean_block(step) if step.lean else _block(step, KEPT if kept else KEPT_ANYWAY)
    all_keep = step.checkpoint_blocks == 0 and not step.half
    return round(in_heap * (IN_WORK + PER_KEPT * step.encoder.layers if all_keep else OF_ONE))


def _block(step: Step, largest: int) -> int:
    """Bytes of what a block keeps, and of gradients within its MLP, in tensors up to `largest` bytes."""
    rows, tokens = kept_rows(step), step.batch * step.longest_slice
    if tokens * rows.state >= largest:
        return 0
    inner = 0 if tokens * rows.inner < largest else rows.all_inner
    return tokens * (rows.block + rows.mlp_backward - inner)


def _lean_block(step: Step) -> int:
    """Bytes of a block's states and rows if those are small tensors, and of a stretch's if those are."""
    rows = kept_rows(step)
    parts = (step.batch * step.longest_slice, 7 * rows.state), (step.stretch, rows.mlp_stretch)
    return sum(positions * size for positions, size in parts if positions * rows.state < KEPT_ANYWAY)
