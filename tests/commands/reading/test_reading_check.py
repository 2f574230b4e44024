"""Windows that cannot fit are refused before anything is read, with what would fit; what may fit is not."""

import pytest

from genolong.commands.reading import reading_check
from genolong.commands.reading.reading_check import FREE, Reading, check_reading
from genolong.counted import size
from genolong.errors import SettingsError
from genolong.model.encoder import Encoder
from tests.builders.models import encoder_settings


def reading(window_bp: int, batch: int, sequence: int = 1) -> Reading:
    return Reading(Encoder(encoder_settings(width=96, heads=4, layers=3)), window_bp, batch, sequence, "cpu")


@pytest.mark.parametrize(
    ("read", "free", "turn"),
    [
        (reading(4096, 1), FREE, "window_bp=2048"),
        (reading(4096, 1), FREE[::2], "a machine with more memory, or more devices per window (parallel.sequence)"),
        (reading(4096, 1), (), "a machine with more memory"),
        (reading(1024, 16), FREE, "batch=2"),
        (reading(1024, 16), FREE[:1], "batch=2"),
        (reading(1024, 16), FREE[1:2], "window_bp=128"),
        (reading(4096, 4), FREE, "window_bp=512"),
    ],
)
def test_windows_that_cannot_fit_are_refused_with_what_would(monkeypatch, read: Reading, free: list[str], turn: str):
    monkeypatch.setattr(reading_check, "memory_there", lambda cuda: reading(2048, 1).needed)
    with pytest.raises(SettingsError) as refused:
        check_reading(read, 1, free=free, switch="check")
    windows = "1 window" if read.batch == 1 else f"{read.batch} windows"
    assert str(refused.value) == (
        f"reading {windows} of {read.window_bp:,} bases at once needs at least {size(read.needed)} per process, but "
        f"{size(reading(2048, 1).needed)} are available; use {turn}; check=false tries anyway"
    )
    check_reading(reading(2048, 1), 1)
    with pytest.raises(SettingsError):  # two processes share the memory
        check_reading(reading(2048, 1), 2)
