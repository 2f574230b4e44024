"""A training that is resumed on another number of devices ends, to rounding, as on the number that it began with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from genolong.commands.training.train import train
from genolong.runs.checkpoint import load_weights
from tests.builders.resumed_runs import at_step, rows_of, settings_of

pytestmark = pytest.mark.filterwarnings("ignore:GPU available")
STEPS = 20
EVERY = (
    f"trainer.max_steps={STEPS}", "trainer.validate_every=5", "checkpoint.every_n_steps=10", "checkpoint.keep=9",
    "model.dropout=0.0", "model.layers=2", "model.width=12", "context.window_bp=61", "data.validation_windows=4",
    "trainer.accelerator=cpu",
)  # fmt: skip
MUON = ("optimizer=muon", "optimizer.warmup_steps=5")
ONE = ("context.batch=4",)
SLICES = ("context.batch=4", "trainer.devices=2", "parallel.sequence=2")
WINDOWS = ("context.batch=2", "trainer.devices=2")
LARGEST = 1e-5  # of relative differences: of every figure logged, and of weights by the largest of their tensor


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def run(home: Path, folder: Path, *more: str) -> Path:
    train(settings_of(home, *EVERY, *more), folder)
    return folder


def differences(folder: Path, whole: Path) -> Iterator[float]:
    """The relative ones of all that was logged, and of all weights at the end."""
    for one, other in zip(rows_of(folder), rows_of(whole), strict=True):
        assert one.keys() == other.keys() and one["step"] == other["step"]
        for name, value in other.items():
            assert bool(one[name]) == bool(value)
            if value and float(value):
                yield abs(float(one[name]) / float(value) - 1)
    found, wanted = (load_weights(path / "checkpoints" / "last.ckpt")[1] for path in (folder, whole))
    for name, weights in wanted.items():
        yield float((found[name] - weights).abs().max() / weights.abs().max().clamp(min=1e-30))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (ONE, SLICES),
        pytest.param((*ONE, *MUON), (*WINDOWS, *MUON), marks=pytest.mark.nightly),
        pytest.param(SLICES, ONE, marks=pytest.mark.nightly),
        pytest.param(ONE, WINDOWS, marks=pytest.mark.nightly),
        pytest.param(WINDOWS, ONE, marks=pytest.mark.nightly),
        pytest.param(SLICES, WINDOWS, marks=pytest.mark.nightly),
    ],
    ids=["1 -> 2 slices", "1 -> 2, Muon", "2 slices -> 1", "1 -> 2", "2 -> 1", "2 slices -> 2"],
)
def test_a_run_goes_on_with_another_number_of_devices(home, tmp_path, before, after):
    whole = run(home, tmp_path / "whole", *before)
    folder = run(home, at_step(whole, tmp_path / "run", STEPS // 2), *after)
    largest = max(differences(folder, whole))
    print(f"largest relative difference: {largest:.2g}")  # noqa: T201
    assert largest < LARGEST
