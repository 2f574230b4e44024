"""Devices are dealt out in groups: as many as trainer.devices says, or as torchrun or SLURM started."""

import pytest

from genolong.errors import SettingsError
from genolong.parallel.settings import ParallelSettings


def test_groups_divide_the_devices(monkeypatch):
    settings = ParallelSettings(3, 120)
    settings.check_devices(6)
    with pytest.raises(SettingsError) as refusal:
        settings.check_devices(4)
    told = "parallel.sequence=3 does not divide trainer.devices=4; use a multiple of parallel.sequence"
    assert str(refusal.value) == told


def test_groups_divide_the_processes_that_were_started(monkeypatch):
    for name, value in (("RANK", "1"), ("WORLD_SIZE", "6"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    ParallelSettings(3, 120).check_devices(1)
    with pytest.raises(SettingsError, match=r"^parallel.sequence=4 does not divide the 6 processes that were started"):
        ParallelSettings(4, 120).check_devices(4)
