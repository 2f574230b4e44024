"""Checks, before a training, whether one of its steps fits into memory."""

import logging
from collections.abc import Callable

from genolong.commands.machine import memory_there
from genolong.commands.training.training_step import Remedy, remedies, training_step
from genolong.counted import size
from genolong.errors import SettingsError
from genolong.model.costs.memory import memory
from genolong.model.costs.step import Step
from genolong.settings import TrainSettings

logger = logging.getLogger(__name__)

SURE = 0.85  # share of the estimate that is certainly needed: estimates are within 15 % of measurements


def check_memory(settings: TrainSettings, *, cuda: bool, processes: int) -> None:
    """Raises SettingsError if a step needs more than a GPU's memory, or a process's share of the machine's.

    `settings` must have the window filled in; `processes` counts those on this machine. trainer.check_memory=false
    skips the check.
    """
    if settings.trainer.check_memory:
        step = training_step(settings, cuda=cuda)
        check_step(step, f"context.window_bp={step.window_bp}: one step", remedies, processes)


def check_step(step: Step, what: str, remedied: Callable[[Step, int], list[Remedy]], processes: int) -> None:
    """Raises SettingsError if the step, which is described by `what`, cannot fit, with remedies that would.

    If it may or may not fit, this is only told.
    """
    room, needed = room_of(step, processes), memory(step).peak
    told = f"{what} needs about {size(needed)} per process, but {size(room)} are available"
    if SURE * needed <= room:
        if needed > room:
            logger.warning("%s; it may run out of memory", told)
        return
    fitting = [remedy for remedy in remedied(step, room) if remedy.peak <= room]
    turn = " or ".join(f"{remedy.settings} ({size(remedy.peak)})" for remedy in fitting) or "a smaller model"
    raise SettingsError(f"{told}; use {turn}; trainer.check_memory=false tries anyway")


def room_of(step: Step, processes: int) -> int:
    """Bytes for each of this machine's processes: those of its GPU, or its share of the machine's."""
    return memory_there(step.fused) // (1 if step.fused else processes)
