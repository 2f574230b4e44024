"""A signal that comes while a training validates does not wait; the resumed run ends as the uninterrupted one."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import pytorch_lightning as pl

from genolong.commands.training.checkpoints import Checkpoints
from genolong.commands.training.train import train
from genolong.commands.training.train_variants import train_variants
from genolong.parallel.stopped import Stopped
from genolong.runs.checkpoint import load_all
from tests.builders.resumed_runs import assert_same, at_step, record_of, rows_of, settings_of
from tests.builders.variant_training import make_home
from tests.builders.variant_training import settings as variant_settings

pytestmark = pytest.mark.filterwarnings("ignore:GPU available")
STEPS = 10
KINDS = {
    "plain": (),
    "accumulated": ("context.accumulation=2", "context.batch=1"),
    "mean": ("trainer.ema_decay=0.9",),
    "workers": ("data.workers=1",),
}
Run = Callable[[Path], object]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def training(home: Path, *more: str) -> Run:
    every = (
        f"trainer.max_steps={STEPS}",
        "trainer.validate_every=4",
        "data.validation=[two]",
        "data.validation_windows=10",
    )
    return lambda folder: train(settings_of(home, *every, *more), folder)


def stopped_at(monkeypatch: pytest.MonkeyPatch, run: Run, folder: Path, step: int, batch: int) -> Stopped:
    """How a run ends that gets a signal in its validation after `step`, before that batch of it."""
    validates = Checkpoints.on_validation_batch_start

    def starts(self: Checkpoints, trainer: pl.Trainer, module: pl.LightningModule, read: object, number: int) -> None:
        if (trainer.global_step, number) == (step, batch):
            self.request._asked = signal.SIGTERM
        validates(self, trainer, module, read, number)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "on_validation_batch_start", starts)
        with pytest.raises(Stopped) as caught:
            run(folder)
    return caught.value


def validated_at(folder: Path) -> list[int]:
    return [int(row["step"]) + 1 for row in rows_of(folder) if row.get("validation/loss")]


@pytest.mark.parametrize(
    "kind", ["plain", "workers", *(pytest.param(kind, marks=pytest.mark.nightly) for kind in ("accumulated", "mean"))]
)
def test_a_validation_that_was_left_is_made_up_for(home: Path, tmp_path: Path, monkeypatch, kind: str):
    run = training(home, *KINDS[kind])
    run(tmp_path / "whole")
    for step in (4, STEPS):
        folder = tmp_path / str(step)
        stopped = stopped_at(monkeypatch, run, folder, step, 1)
        assert (stopped.code, stopped.step) == (143, step)
        record = record_of(folder)
        assert (record["status"], record["steps"]) == ("stopped: SIGTERM", step)
        assert load_all(folder / "checkpoints" / "last.ckpt")[1]["validated"] is False
        assert step not in validated_at(folder)
        run(folder)
        assert_same(folder, tmp_path / "whole")
        assert load_all(folder / "checkpoints" / "last.ckpt")[1]["validated"] is True
        assert [resumed["step"] for resumed in record_of(folder)["resumed"]] == [step]
        best = [(path / "checkpoints" / "best.ckpt").resolve().name for path in (folder, tmp_path / "whole")]
        assert best[0] == best[1]


def test_it_may_be_left_time_and_again_and_looked_at_otherwise(home: Path, tmp_path: Path, monkeypatch):
    run, folder = training(home), tmp_path / "run"
    run(tmp_path / "whole")
    for batch in (0, 3, 1):
        assert stopped_at(monkeypatch, run, folder, 8, batch).step == 8
    training(home, "trainer.validate_every=3", "context.batch=1", "context.accumulation=2")(folder)
    assert validated_at(folder) == [4, 8, 9, STEPS]
    assert [int(row["step"]) for row in rows_of(folder) if row["train/loss"]] == [*range(STEPS)]


def test_a_kill_after_it_was_made_up_for_leaves_no_row_twice(home: Path, tmp_path: Path, monkeypatch):
    run, folder = training(home, "checkpoint.every_n_steps=1", "checkpoint.keep=99"), tmp_path / "run"
    run(tmp_path / "whole")
    stopped_at(monkeypatch, run, folder, 8, 2)
    owing = (folder / "checkpoints" / "step-00000008.ckpt").read_bytes()
    run(folder)
    killed = at_step(folder, tmp_path / "killed", 8)
    (killed / "checkpoints" / "step-00000008.ckpt").write_bytes(owing)
    assert validated_at(killed) == [4, 8, STEPS]
    run(killed)
    assert_same(killed, tmp_path / "whole")


@pytest.mark.parametrize("encoder", ["frozen", pytest.param("tuned", marks=pytest.mark.nightly)])
def test_a_head_whose_validation_was_left_is_calibrated_all_the_same(tmp_path: Path, monkeypatch, encoder: str):
    few = (f"trainer.max_steps={STEPS}", "trainer.validate_every=4", "batch=8", f"encoder={encoder}")
    chosen = variant_settings(make_home(tmp_path), *few)

    def run(folder: Path) -> object:
        return train_variants(chosen, folder)

    run(tmp_path / "whole")
    for step in (4, STEPS):
        folder = tmp_path / str(step)
        assert stopped_at(monkeypatch, run, folder, step, 2).step == step
        run(folder)
        assert_same(folder, tmp_path / "whole")
