"""A training that was lengthened, ended by the clock, or went on with other settings is the same again, bit for bit."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from genolong.commands.reading.reading_settings import GenomeSettings
from genolong.commands.repeating.reproduce import Reproduction, reproduce
from genolong.commands.repeating.reproduce_settings import ReproduceSettings
from genolong.commands.training.legs import End
from genolong.commands.training.train import train
from genolong.parallel.stopped import Left
from tests.builders.resumed_runs import assert_same, record_of, rows_of, settings_of

pytestmark = pytest.mark.filterwarnings("ignore:GPU available")
STEPS = 11


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def leg(home: Path, folder: Path, *more: str, left: int | None = None, steps: int = STEPS) -> None:
    """A training into `folder`, which is left after the step `left`."""
    settings = settings_of(
        home, f"trainer.max_steps={steps}", "trainer.validate_every=4", "trainer.accelerator=cpu", *more
    )
    if left is None:
        train(settings, folder)
        return
    with pytest.raises(Left) as stopped:
        train(settings, folder, End(left, validated=False))
    assert (stopped.value.step, stopped.value.code) == (left, 143)


def again(home: Path, run: Path, folder: Path) -> Reproduction:
    data = GenomeSettings(fasta=None, cache=str(home / "cache"))
    done = reproduce(ReproduceSettings(run=str(run), data=data, debug=False, model=None, vcf=None), folder)
    assert done is not None
    return done


def assert_again(home: Path, run: Path, folder: Path) -> None:
    done = again(home, run, folder)
    assert done.same, done.verdict
    assert_same(folder, run)


@pytest.mark.parametrize("more", [(), ("trainer.ema_decay=0.9", "context.accumulation=2", "context.batch=1")])
def test_lengthened(home: Path, tmp_path: Path, more: tuple[str, ...]):
    leg(home, tmp_path / "run", *more, steps=7)
    leg(home, tmp_path / "run", *more)
    assert [row["step"] for row in rows_of(tmp_path / "run") if row["validation/loss"]] == ["3", "6", "7", "10"]
    assert_again(home, tmp_path / "run", tmp_path / "again")
    leg(home, tmp_path / "whole", *more)
    weights = [record_of(tmp_path / name)["weights_sha256"] for name in ("run", "whole")]
    assert weights[0] != weights[1]  # its rate fell to nothing at step 7 and rose again


def test_lengthened_after_it_was_left_in_the_midst(home: Path, tmp_path: Path):
    leg(home, tmp_path / "run", steps=7, left=3)
    leg(home, tmp_path / "run", steps=9, left=4)  # where validation is due, too
    leg(home, tmp_path / "run", "trainer.validate_every=5")
    (first, second) = record_of(tmp_path / "run")["resumed"]
    assert first["then"] == {"trainer.max_steps": 7} and not first["finished"]
    assert second["then"] == {"trainer.max_steps": 9, "trainer.validate_every": 4}
    assert_again(home, tmp_path / "run", tmp_path / "again")


@pytest.fixture
def clock(monkeypatch) -> Iterator[None]:
    """One that says after five steps that the time is over."""

    def over(self, trainer, *_):
        trainer.should_stop = trainer.should_stop or trainer.global_step == 5

    with monkeypatch.context() as patch:
        patch.setattr("genolong.commands.training.trainer.TimeLimit.on_train_batch_end", over)
        yield


def test_ended_by_the_clock(home: Path, tmp_path: Path, clock):
    leg(home, tmp_path / "run", "trainer.max_time=00:00:01:00")
    assert (record_of(tmp_path / "run")["steps"], record_of(tmp_path / "run")["status"]) == (5, "finished")
    assert_again(home, tmp_path / "run", tmp_path / "again")


def test_ended_by_the_clock_and_gone_on_with(home: Path, tmp_path: Path, clock):
    leg(home, tmp_path / "run", "trainer.max_time=00:00:01:00")
    leg(home, tmp_path / "run")
    assert [row["step"] for row in rows_of(tmp_path / "run") if row["validation/loss"]] == ["3", "4", "7", "10"]
    assert_again(home, tmp_path / "run", tmp_path / "again")


@pytest.mark.nightly
def test_gone_on_with_on_other_devices(home: Path, tmp_path: Path):
    leg(home, tmp_path / "run", "context.batch=2", left=3)
    leg(home, tmp_path / "run", "context.batch=1", "trainer.devices=2")
    then = record_of(tmp_path / "run")["resumed"][0]["then"]
    assert then == {"context.batch": 2, "trainer.devices": 1}
    assert_again(home, tmp_path / "run", tmp_path / "again")


@pytest.mark.nightly
def test_two_devices_are_left_together(home: Path, tmp_path: Path):
    leg(home, tmp_path / "run", "context.batch=1", "trainer.devices=2", left=3)
    leg(home, tmp_path / "run", "context.batch=1", "trainer.devices=2", steps=7)
    assert_again(home, tmp_path / "run", tmp_path / "again")


def test_threads_that_changed_within_a_run_explain_a_difference(home: Path, tmp_path: Path):
    leg(home, tmp_path / "run", left=3)
    record = tmp_path / "run" / "record.json"
    changed = json.loads(record.read_text())
    changed["machine"]["threads"] = 97
    record.write_text(json.dumps(changed))
    leg(home, tmp_path / "run")
    record.write_text(json.dumps({**record_of(tmp_path / "run"), "weights_sha256": "another"}))
    done = again(home, tmp_path / "run", tmp_path / "again")
    assert done.explained and done.verdict.endswith(
        "the likeliest cause: when it resumed after step 3: threads (OMP_NUM_THREADS): 97 then, 1 now"
    )
