"""Whether a training keeps the memory that it frees, which is faster, and how much its heap wastes."""

from genolong.commands.training.memory_check import room_of
from genolong.kept_memory import keep_freed_memory, return_freed_memory
from genolong.model.costs.gaps import gaps
from genolong.model.costs.memory import memory
from genolong.model.costs.step import Step

OF_ROOM = 0.5  # share of the available memory that a process may take and still keep what it frees


def prepare_heap(step: Step, processes: int) -> None:
    """Lets this process keep what it frees if the step leaves room for it, and return it otherwise."""
    if _keeps(step, room_of(step, processes)):
        keep_freed_memory()
    else:
        return_freed_memory()


def wasted(step: Step, room: int) -> int:
    """Bytes in gaps of the heap of a process that has `room` bytes."""
    return gaps(step, kept=_keeps(step, room))


def _keeps(step: Step, room: int) -> bool:
    """With recomputation there is little to gain: memory matters more, and passes from block to block anyway."""
    keeps_all = step.checkpoint_blocks == 0 and not step.fused
    return keeps_all and memory(step).peak + gaps(step, kept=True) <= OF_ROOM * room
