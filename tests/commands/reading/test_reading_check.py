"""Windows that cannot fit are refused before anything is read, with what would fit; what may fit is not."""

import pytest

from genolong.commands.reading import reading_check
from genolong.commands.reading.reading_check import Reading, check_reading
from genolong.commands.reading.reading_settings import DeviceSettings
from genolong.counted import size
from genolong.errors import SettingsError
from genolong.model.encoder import Encoder
from tests.builders.models import encoder_settings


def reading(window_bp: int, batch: int, sequence: int = 1) -> Reading:
    return Reading(Encoder(encoder_settings(width=96, heads=4, layers=3)), window_bp, batch, sequence, "cpu")


def on_a_cpu(*, check_memory: bool = True) -> DeviceSettings:
    return DeviceSettings(1, "cpu", "auto", check_memory)


@pytest.mark.parametrize(
    ("read", "any_window", "turn"),
    [
        (reading(4096, 1), True, "window_bp=2048"),
        (reading(4096, 1), False, "a machine with more memory, or more devices per window (parallel.sequence)"),
        (reading(1024, 16), True, "batch=2"),
        (reading(1024, 16), False, "batch=2"),
        (reading(4096, 4), True, "window_bp=512"),
    ],
)
def test_windows_that_cannot_fit_are_refused_with_what_would(monkeypatch, read: Reading, any_window: bool, turn: str):
    monkeypatch.setattr(reading_check, "memory_there", lambda cuda: reading(2048, 1).needed)
    with pytest.raises(SettingsError) as refused:
        check_reading(read, on_a_cpu(), 1, any_window=any_window)
    windows = "1 window" if read.batch == 1 else f"{read.batch} windows"
    assert str(refused.value) == (
        f"window_bp={read.window_bp}: reading {windows} at once needs at least {size(read.needed)} per process, but "
        f"{size(reading(2048, 1).needed)} are available; use {turn}; trainer.check_memory=false tries anyway"
    )
    check_reading(read, on_a_cpu(check_memory=False), 1)
    check_reading(reading(2048, 1), on_a_cpu(), 1)
    with pytest.raises(SettingsError):  # two processes share the memory
        check_reading(reading(2048, 1), on_a_cpu(), 2)
