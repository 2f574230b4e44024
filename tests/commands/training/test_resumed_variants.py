"""The training of a variant head that is resumed ends as one that was never interrupted, bit for bit."""

import shutil
import signal
from pathlib import Path

import pytest

from genolong.commands.reading.reading_settings import GenomeSettings
from genolong.commands.repeating.reproduce import reproduce
from genolong.commands.repeating.reproduce_settings import ReproduceSettings
from genolong.commands.training.train_variants import train_variants
from genolong.errors import BusyError, FinishedRunError, InputError, NumericalError, OutputError, SettingsError
from genolong.tasks.trained_effect import FrozenEffect
from tests.builders.killed_training import finished, signalled, start_with, when_row
from tests.builders.resumed_runs import assert_same, at_step, record_of, rows_of, state_sha256
from tests.builders.variant_training import make_home, overrides, settings

pytestmark = pytest.mark.filterwarnings("ignore:GPU available")
STEPS = 12
FEW = (f"trainer.max_steps={STEPS}", "trainer.validate_every=4", "batch=8", "optimizer.warmup_steps=3")


def run(home: Path, folder: Path, *more: str) -> None:
    train_variants(settings(home, *FEW, *more), folder)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("variants"))


@pytest.fixture(scope="module")
def whole(home: Path) -> Path:
    run(home, home / "whole", "checkpoint.every_n_steps=1", f"checkpoint.keep={STEPS}")
    return home / "whole"


@pytest.fixture
def stopped(home: Path, whole: Path, tmp_path: Path) -> Path:
    return at_step(whole, tmp_path / "run", 6)


# at step 4 the head is calibrated, too
@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.nightly), 4, 7, STEPS])
def test_a_head_resumed_at_a_step_ends_as_the_uninterrupted_one(home, whole, tmp_path, step):
    folder = at_step(whole, tmp_path / "run", step)
    run(home, folder)
    assert_same(folder, whole)
    (resumed,) = record_of(folder)["resumed"]
    assert resumed["step"] == step


@pytest.mark.parametrize("step", [5, pytest.param(STEPS, marks=pytest.mark.nightly)])
def test_a_tuned_encoder_is_resumed_with_its_head(home, tmp_path, step):
    run(home, tmp_path / "whole", "encoder=tuned", "checkpoint.every_n_steps=5", "checkpoint.keep=3")
    folder = at_step(tmp_path / "whole", tmp_path / "run", step)
    run(home, folder, "encoder=tuned")
    assert_same(folder, tmp_path / "whole")


@pytest.mark.nightly
@pytest.mark.parametrize("devices", [1, 2])
def test_a_head_killed_and_stopped_by_the_command_line_ends_as_the_uninterrupted_one(home, tmp_path, devices):
    folder, few = tmp_path / "run", ("trainer.max_steps=60", "trainer.validate_every=25", "batch=8", "encoder=tuned")
    asked = overrides(
        home, *few, "checkpoint.every_n_steps=5", f"trainer.devices={devices}", f"parallel.sequence={devices}"
    )
    asked.append("task=variant_effect")
    finished(start_with(tmp_path / "whole", *asked))
    for step, number in ((12, signal.SIGKILL), (22, signal.SIGTERM), (30, signal.SIGKILL), (50, signal.SIGUSR1)):
        with start_with(folder, *asked) as process:
            said = signalled(process, number, when_row(folder, step))
        assert process.returncode == {signal.SIGTERM: 143, signal.SIGUSR1: 75}.get(number, -number), said
        if number != signal.SIGKILL:
            told = said.splitlines()[-1]
            assert told.startswith(f"genolong: stopped by {signal.Signals(number).name} after step "), said
            assert told.endswith("; run the same command again to continue"), said
    finished(start_with(folder, *asked))
    assert_same(folder, tmp_path / "whole")
    assert len(record_of(folder)["resumed"]) == 4


def test_a_head_is_given_more_steps(home, tmp_path):
    flat = ("optimizer.schedule=wsd", "optimizer.decay_share=0.0")
    run(home, tmp_path / "run", *flat, "trainer.max_steps=5")
    run(home, tmp_path / "run", *flat)
    run(home, tmp_path / "whole", *flat)
    assert state_sha256(tmp_path / "run") == state_sha256(tmp_path / "whole")


@pytest.mark.nightly
def test_a_head_that_was_given_more_steps_is_the_same_again(home, tmp_path):
    run(home, tmp_path / "run", "encoder=tuned", "trainer.max_steps=5")
    run(home, tmp_path / "run", "encoder=tuned")
    data = GenomeSettings(fasta=None, cache=str(home / "cache"))
    asked = ReproduceSettings(run=str(tmp_path / "run"), data=data, debug=False, model=None, vcf=None)
    done = reproduce(asked, tmp_path / "again")
    assert done is not None and done.same, done
    assert_same(tmp_path / "again", tmp_path / "run")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("batch=4", r"batch=4: the run in .* has 8; use the same, or a new folder"),
        ("head.hidden=8", r"head.hidden=8: the run in .* has 64"),
        ("encoder=tuned", r"encoder=tuned: the run in .* has frozen"),
        ("data.positive=[good,bad]", r"data.positive and data.negative: both name good"),
        ("data.validation=[chr2]", r"data.validation=\[chr2\]: the run in .* has null"),
    ],
)
def test_other_settings_are_refused_by_the_first_that_differs(home, stopped, override, words):
    before = (stopped / "record.json").read_bytes()
    with pytest.raises(SettingsError, match=words) as told:
        run(home, stopped, override)
    assert "\n" not in str(told.value)
    assert (stopped / "record.json").read_bytes() == before


def test_other_variants_and_another_model_are_refused_and_moved_ones_are_not(home, whole, stopped, tmp_path):
    moved = shutil.copy(home / "labelled.vcf", tmp_path / "moved.vcf")
    base = shutil.copytree(home / "base", tmp_path / "base")
    run(home, stopped, f"data.vcf={moved}", f"init_from={base}")
    assert_same(stopped, whole)
    other = at_step(whole, tmp_path / "other", 3)
    Path(moved).write_text((home / "labelled.vcf").read_text().replace("KIND=bad", "KIND=other", 1))
    with pytest.raises(InputError, match=r"data.vcf: not the files that the run in .* reads"):
        run(home, other, f"data.vcf={moved}")
    with pytest.raises(InputError, match=r"init_from: not the model that the run in .* started from"):
        run(home, other, f"init_from={whole}")


def test_a_folder_in_which_a_run_works_or_has_ended_is_refused(home, whole, stopped, monkeypatch):
    with pytest.raises(FinishedRunError, match=r"already holds this run, finished at step 12; a larger"):
        run(home, whole)
    with pytest.raises(OutputError, match=r"already holds a run; wanted a new folder, or resume=auto"):
        run(home, stopped, "resume=no")

    def busy(*_: object) -> None:
        raise BlockingIOError

    monkeypatch.setattr("genolong.genome.files.file_lock.fcntl.lockf", busy)
    with pytest.raises(BusyError, match=r"another process is working in this folder") as caught:
        run(home, stopped)
    assert caught.value.exit_code == 75


def test_a_pretraining_is_no_beginning_of_a_head(home, tmp_path):
    with pytest.raises(InputError, match=r"base: does not say how it was made"):
        run(home, tmp_path / "run", f"resume={home / 'base'}")


def test_a_head_that_fails_says_so_and_begins_anew(home, whole, tmp_path, monkeypatch):
    def fails(*_: object) -> None:
        raise NumericalError("thirteen")

    with monkeypatch.context() as patch:
        patch.setattr(FrozenEffect, "training_step", fails)
        with pytest.raises(NumericalError, match="thirteen"):
            run(home, tmp_path / "run")
    record = record_of(tmp_path / "run")
    assert record["status"] == "stopped: NumericalError" and record["steps"] == 0
    assert rows_of(tmp_path / "run") == []
    run(home, tmp_path / "run")
    assert_same(tmp_path / "run", whole)


@pytest.mark.parametrize("at", ["_zero_shot", "_made"])
def test_a_head_that_fails_before_it_is_trained_says_so(home, tmp_path, monkeypatch, at):
    def fails(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(f"genolong.commands.training.train_variants.{at}", fails)
    with pytest.raises(MemoryError):
        run(home, tmp_path / "run")
    assert record_of(tmp_path / "run")["status"] == "stopped: MemoryError"
