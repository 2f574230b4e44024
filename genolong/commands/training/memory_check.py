"""Checks, before a training, whether one of its steps fits into memory."""

from genolong.commands.machine import memory_there
from genolong.commands.training.training_step import remedies, training_step
from genolong.counted import size
from genolong.errors import SettingsError
from genolong.model.costs.memory import memory
from genolong.settings import TrainSettings

SURE = 0.85  # share of the estimate that is certainly needed: estimates are within 15 % of measurements


def check_memory(settings: TrainSettings, *, cuda: bool, processes: int) -> None:
    """Raises SettingsError if a step needs more than a GPU's memory, or a process's share of the machine's.

    `settings` must have the window filled in; `processes` counts those on this machine. trainer.check_memory=false
    skips the check.
    """
    if not settings.trainer.check_memory:
        return
    step = training_step(settings, cuda=cuda)
    room, needed = memory_there(cuda) // (1 if cuda else processes), memory(step).peak
    if SURE * needed <= room:
        return
    fitting = [remedy for remedy in remedies(step, room) if remedy.peak <= room]
    turn = " or ".join(f"{remedy.settings} ({size(remedy.peak)})" for remedy in fitting) or "a smaller model"
    raise SettingsError(
        f"context.window_bp={step.window_bp}: one step needs about {size(needed)} per process, but "
        f"{size(room)} are available; use {turn}; trainer.check_memory=false tries anyway"
    )
