"""Checks, before a long job with a trained model, whether its windows fit into memory."""

from collections.abc import Iterator
from typing import NamedTuple

from genolong.commands.machine import memory_there
from genolong.commands.reading.reading_settings import DeviceSettings
from genolong.counted import counted, size
from genolong.errors import SettingsError
from genolong.model.costs.reading_memory import least_memory
from genolong.model.encoder import Encoder


class Reading(NamedTuple):
    """Batches of windows for a model's encoder, on `cpu` or `cuda`; `sequence` devices share each window."""

    encoder: Encoder
    window_bp: int
    batch: int
    sequence: int
    device: str

    @property
    def needed(self) -> int:
        """Bytes that a process needs at least."""
        return least_memory(
            self.encoder.settings, self.window_bp, self.batch, half=self.encoder.mixed,
            device=self.device, sequence=self.sequence,
        )  # fmt: skip


def check_reading(reading: Reading, chosen: DeviceSettings, processes: int, *, any_window: bool = True) -> None:
    """Raises SettingsError if the windows need more than a GPU's memory, or a process's share of the machine's.

    `processes` counts those on this machine. Without `any_window`, the window's length cannot be changed, since a
    trained head needs it. trainer.check_memory=false skips the check.
    """
    cuda = reading.device == "cuda"
    room = memory_there(cuda) // (1 if cuda else processes)
    if not chosen.check_memory or reading.needed <= room:
        return
    choices = [_smaller_batches(reading), *([_shorter_windows(reading)] if any_window else [])]
    fitting = [next((typed for typed, other in each if other.needed <= room), None) for each in choices]
    turn = next(filter(None, fitting), "a machine with more memory, or more devices per window (parallel.sequence)")
    raise SettingsError(
        f"window_bp={reading.window_bp}: reading {counted(reading.batch, 'window')} at once needs at least "
        f"{size(reading.needed)} per process, but {size(room)} are available; use {turn}; "
        "trainer.check_memory=false tries anyway"
    )


def _smaller_batches(reading: Reading) -> Iterator[tuple[str, Reading]]:
    batch = reading.batch
    while batch > 1:
        batch //= 2
        yield f"batch={batch}", reading._replace(batch=batch)


def _shorter_windows(reading: Reading) -> Iterator[tuple[str, Reading]]:
    window_bp = reading.window_bp
    while window_bp > reading.sequence:
        window_bp //= 2
        yield f"window_bp={window_bp}", reading._replace(window_bp=window_bp)
