"""Checks, before a long job with a trained model, whether its windows fit into memory."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from genolong.commands.machine import memory_there
from genolong.counted import counted, size
from genolong.errors import SettingsError
from genolong.model.costs.reading_memory import least_memory
from genolong.model.encoder import Encoder

FREE = ("batch", "window_bp", "parallel.sequence")  # settings that change what a process holds


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


def check_reading(
    reading: Reading, processes: int, *, free: Collection[str] = FREE, switch: str = "trainer.check_memory"
) -> None:  # fmt: skip
    """Raises SettingsError if the windows need more than a GPU's memory, or a process's share of the machine's.

    `processes` counts those on this machine. The message names what would fit, among the settings that are `free` to
    change, and the `switch` that turns this check off.
    """
    cuda = reading.device == "cuda"
    room = memory_there(cuda) // (1 if cuda else processes)
    if reading.needed <= room:
        return
    smaller = {"batch": _smaller_batches(reading), "window_bp": _shorter_windows(reading)}
    fitting = (
        next((typed for typed, other in choices if other.needed <= room), None)
        for name, choices in smaller.items()
        if name in free
    )
    shared = ", or more devices per window (parallel.sequence)" if "parallel.sequence" in free else ""
    turn = next(filter(None, fitting), f"a machine with more memory{shared}")
    raise SettingsError(
        f"reading {counted(reading.batch, 'window')} of {reading.window_bp:,} bases at once needs at least "
        f"{size(reading.needed)} per process, but {size(room)} are available; use {turn}; {switch}=false tries anyway"
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
