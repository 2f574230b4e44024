"""A training that is resumed ends as one that was never interrupted, bit for bit; what is not the same is refused."""

import logging
import shutil
from pathlib import Path

import pytest

from genolong.commands.training.train import train
from genolong.errors import BusyError, FinishedRunError, InputError, OutputError, SettingsError
from genolong.runs.checkpoint import load_all
from genolong.runs.checkpoint_io import RunCheckpointIO
from tests.builders.genomes import random_letters
from tests.builders.resumed_runs import assert_same, at_step, record_of, rows_of, settings_of, state_sha256

pytestmark = pytest.mark.filterwarnings("ignore:GPU available")
STEPS = 12
KINDS = {
    "plain": (),
    "accumulated": ("context.accumulation=2", "context.batch=1"),
    "mean": ("trainer.ema_decay=0.9",),
    "muon": ("optimizer=muon", "optimizer.warmup_steps=5"),
}


def run(home: Path, folder: Path, *more: str, steps: int = STEPS) -> None:
    train(settings_of(home, f"trainer.max_steps={steps}", "trainer.validate_every=4", *more), folder)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def whole(home: Path) -> Path:
    run(home, home / "whole", "checkpoint.every_n_steps=1", f"checkpoint.keep={STEPS}")
    return home / "whole"


@pytest.mark.parametrize("step", [1, 4, 7, STEPS])  # 4: where validation is due, too
def test_a_run_resumed_at_a_step_ends_as_the_uninterrupted_one(home: Path, whole: Path, tmp_path: Path, step: int):
    folder = at_step(whole, tmp_path / "run", step)
    run(home, folder)
    assert_same(folder, whole)
    (resumed,) = record_of(folder)["resumed"]
    assert resumed["step"] == step


@pytest.mark.nightly
@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_of_forty_steps_can_be_resumed_at_each_of_them(home: Path, tmp_path: Path, workers: int):
    more = f"data.workers={workers}", "trainer.ema_decay=0.9", "checkpoint.every_n_steps=1", "checkpoint.keep=40"
    run(home, tmp_path / "whole", *more, steps=40)
    for step in range(1, 41):
        folder = at_step(tmp_path / "whole", tmp_path / "run", step)
        run(home, folder, *more, steps=40)
        assert_same(folder, tmp_path / "whole")
        shutil.rmtree(folder)


@pytest.mark.parametrize(("kind", "step"), [*((kind, 8) for kind in KINDS), ("mean", STEPS)])
def test_whatever_else_a_run_does_it_can_be_resumed(home: Path, tmp_path: Path, kind: str, step: int):
    run(home, tmp_path / "whole", *KINDS[kind], "checkpoint.every_n_steps=4", "checkpoint.keep=3")
    folder = at_step(tmp_path / "whole", tmp_path / "run", step)
    run(home, folder, *KINDS[kind])
    assert_same(folder, tmp_path / "whole")


@pytest.fixture
def stopped(home: Path, whole: Path, tmp_path: Path) -> Path:
    return at_step(whole, tmp_path / "run", 6)


def test_workers_and_what_else_changes_no_weight_may_differ(home: Path, whole: Path, stopped: Path):
    run(
        home,
        stopped,
        "data.workers=2",
        "trainer.check_memory=false",
        "checkpoint.keep=1",
        "run.name=other",
        "checkpoint.every_n_steps=7",
    )
    assert_same(stopped, whole)
    kept = sorted(path.name for path in (stopped / "checkpoints").iterdir())
    best = (stopped / "checkpoints" / "best.ckpt").resolve().name
    assert kept == sorted({"best.ckpt", "last.ckpt", "step-00000012.ckpt", best})


def test_as_many_windows_a_step_may_be_read_in_other_batches(home: Path, whole: Path, stopped: Path):
    run(home, stopped, "context.batch=1", "context.accumulation=2", "model.dropout=0.2")
    for one, other in zip(rows_of(stopped), rows_of(whole), strict=True):
        assert one["step"] == other["step"]


def test_broken_checkpoints_are_passed_over_and_told(home: Path, whole: Path, stopped: Path, caplog):
    caplog.set_level(logging.INFO, "genolong")
    newer, newest = (stopped / "checkpoints" / f"step-0000000{step}.ckpt" for step in (5, 6))
    newest.write_bytes(newest.read_bytes()[:1000])
    damaged = bytearray(newer.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    newer.write_bytes(damaged)
    (stopped / "checkpoints" / ".step-00000007.ckpt.x7").write_bytes(b"half")
    run(home, stopped)
    assert_same(stopped, whole)
    told = [message for message in caplog.messages if "skipped" in message]
    assert len(told) == 2 and str(newest) in told[0] and str(newer) in told[1]
    assert f"resuming after step 4 ({stopped}/checkpoints/step-00000004.ckpt)" in caplog.messages
    assert not list((stopped / "checkpoints").glob(".*"))


def test_a_checkpoint_with_a_seal_but_without_the_optimizers_state_is_passed_over(home, whole, stopped, caplog):
    caplog.set_level(logging.INFO, "genolong")
    path = stopped / "checkpoints" / "step-00000006.ckpt"
    about, training = load_all(path)
    RunCheckpointIO(about).save_checkpoint({**training, "optimizer_states": []}, path)
    run(home, stopped)
    assert_same(stopped, whole)
    assert f"skipped {path}: training.pt, optimizer_states: found 0 of them, wanted the state of 1" in caplog.text
    assert f"resuming after step 5 ({stopped}/checkpoints/step-00000005.ckpt)" in caplog.messages


def test_a_run_without_any_whole_checkpoint_is_refused(home: Path, stopped: Path):
    for path in (stopped / "checkpoints").glob("step-*"):
        path.write_bytes(b"")
    with pytest.raises(InputError, match=r"none of 6 checkpoints is intact"):
        run(home, stopped)


def test_a_run_that_stopped_before_its_first_checkpoint_begins_anew(home: Path, whole: Path, stopped: Path, caplog):
    caplog.set_level(logging.INFO, "genolong")
    shutil.rmtree(stopped / "checkpoints")
    run(home, stopped)
    assert_same(stopped, whole)
    assert "stopped before a checkpoint was written; starting over" in caplog.text


def test_checkpoints_without_a_record_are_not_written_over(home: Path, whole: Path, stopped: Path, tmp_path: Path):
    (stopped / "record.json").unlink()
    before = {path: path.read_bytes() for path in stopped.rglob("*.*") if path.is_file()}
    for more in ((), ("resume=no",), (f"resume={whole}",)):
        with pytest.raises(
            OutputError, match=r"run: holds checkpoints, but no record.json to say which run they are from; put"
        ):
            run(home, stopped, *more)
    assert {path: path.read_bytes() for path in stopped.rglob("*.*") if path.is_file()} == before | {
        stopped / ".lock": b""
    }
    run(home, tmp_path / "new", f"resume={stopped}")  # as the line says
    assert_same(tmp_path / "new", whole)


def test_rows_that_a_run_has_lost_are_told_when_it_goes_on(home: Path, whole: Path, tmp_path: Path, caplog):
    caplog.set_level(logging.INFO, "genolong")
    folder = at_step(whole, tmp_path / "run", 6)
    log = folder / "metrics.csv"
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join([*lines[:3], lines[3].replace(".", "x"), *lines[4:]]))
    run(home, folder)
    assert f"{log}, line 4: a row without a number in every column; left out" in caplog.messages
    assert f"{log}: has no row for 1 of 6 steps; what was logged for them is lost" in caplog.messages
    assert state_sha256(folder) == state_sha256(whole)
    folder = at_step(whole, tmp_path / "other", 6)
    (folder / "metrics.csv").unlink()
    run(home, folder)
    assert f"{folder / 'metrics.csv'}: is missing; what was logged for 6 steps is lost" in caplog.messages
    assert rows_of(folder)[0]["step"] == "6"


def test_a_record_that_is_none_is_told_and_the_run_is_not_touched(home: Path, stopped: Path):
    (stopped / "record.json").write_text("[1]")
    with pytest.raises(InputError, match=r"record.json: holds no settings; wanted the record of a run; put back the"):
        run(home, stopped)
    assert (stopped / "record.json").read_text() == "[1]"


def test_less_steps_than_a_stopped_run_has_taken_are_refused(home: Path, stopped: Path, tmp_path: Path):
    for folder, more in ((stopped, ()), (tmp_path / "new", (f"resume={stopped}",))):
        with pytest.raises(SettingsError, match=rf"trainer.max_steps=5: the run in {stopped} has already done 6 steps"):
            run(home, folder, *more, steps=5)


def test_a_finished_run_is_refused_unless_it_is_given_more_steps(home: Path, whole: Path, tmp_path: Path):
    folder = tmp_path / "run"
    every = ("trainer.ema_decay=0.9", "optimizer.schedule=wsd", "optimizer.decay_share=0.0")
    run(home, folder, *every, steps=5)
    with pytest.raises(FinishedRunError, match=r"finished at step 5; a larger trainer.max_steps= continues it"):
        run(home, folder, *every, steps=5)
    run(home, folder, *every)
    run(home, tmp_path / "whole", *every)
    assert state_sha256(folder) == state_sha256(tmp_path / "whole")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("model.width=12", r"model.width=12: the run in .* has 6; use the same, or a new folder"),
        ("optimizer.clip=2.0", r"optimizer.clip=2.0: the run in .* has 1.0"),
        ("data.validation=[two]", r"data.validation=\[two\]: the run in .* has null"),
        ("seed=2", r"seed=2: the run in .* has 1"),
        ("context.batch=4", r"context.batch=4: 4 windows a step on all devices, but the run in .* reads 2"),
    ],
)
def test_other_settings_are_refused_by_the_first_that_differs(home: Path, stopped: Path, override: str, words: str):
    before = {path: path.read_bytes() for path in stopped.rglob("*.*") if path.is_file()}
    with pytest.raises(SettingsError, match=words):
        run(home, stopped, override)
    assert {path: path.read_bytes() for path in stopped.rglob("*.*") if path.is_file()} == before | {
        stopped / ".lock": b""
    }


def test_other_data_are_refused_and_moved_ones_are_not(home: Path, whole: Path, stopped: Path, tmp_path: Path):
    moved = shutil.copy(home / "genome.fa", tmp_path / "moved.fa")
    run(home, stopped, f"data.fasta={moved}")
    assert_same(stopped, whole)
    other = at_step(whole, tmp_path / "other", 3)
    Path(moved).write_text((home / "genome.fa").read_text().replace("A", "C", 1))
    with pytest.raises(InputError, match=r"data.fasta: not the files that the run in .* reads"):
        run(home, other, f"data.fasta={moved}")


def test_the_best_one_is_pointed_to_where_a_kill_left_that_undone(home: Path, whole: Path, tmp_path: Path):
    best = (whole / "checkpoints" / "best.ckpt").resolve()
    for name, others in (
        ("none", []),
        ("another", [path for path in (whole / "checkpoints").glob("step-*") if path != best]),
    ):
        folder = at_step(whole, tmp_path / name, int(best.stem[5:]))
        (folder / "checkpoints" / "best.ckpt").unlink(missing_ok=True)
        if others:
            (folder / "checkpoints" / "best.ckpt").symlink_to(min(others).name)
        run(home, folder)
        assert (folder / "checkpoints" / "best.ckpt").resolve().name == best.name
        assert_same(folder, whole)


def test_a_checkpoint_that_lies_with_another_run_brings_none_of_its_history(home: Path, whole: Path, tmp_path: Path):
    other = tmp_path / "other"
    run(home, other, "seed=5", steps=4)
    for place in (other / "checkpoints", tmp_path / "alone"):
        place.mkdir(exist_ok=True)
        lone = shutil.copy(whole / "checkpoints" / "step-00000007.ckpt", place / "lone.ckpt")
        folder = tmp_path / f"from-{place.parent.name}"
        run(home, folder, f"resume={lone}")
        assert (rows_of(folder)[0]["step"], state_sha256(folder)) == ("7", state_sha256(whole))
        assert record_of(folder)["resumed"][0]["then"] == {}


def test_files_after_which_contigs_are_called_keep_their_names(home: Path, tmp_path: Path):
    for name, seed in (("x", 1), ("y", 2)):
        (tmp_path / f"{name}.fa").write_text(f">one\n{random_letters(811, seed)}\n")
    both = f"data.fasta=[{tmp_path / 'x.fa'},{tmp_path / 'y.fa'}]"
    run(home, tmp_path / "whole", both, "checkpoint.every_n_steps=1", f"checkpoint.keep={STEPS}")
    assert record_of(tmp_path / "whole")["fasta_titles"] == ["x", "y"]
    (tmp_path / "moved").mkdir()
    for name in ("x", "z"):
        shutil.copy(tmp_path / "x.fa", tmp_path / "moved" / f"{name}.fa")
    folder = at_step(tmp_path / "whole", tmp_path / "run", 5)
    with pytest.raises(InputError, match=r"are z, y now, and were x, y; restore those names .*, or use a new folder"):
        run(home, folder, f"data.fasta=[{tmp_path / 'moved' / 'z.fa'},{tmp_path / 'y.fa'}]")
    run(home, folder, f"data.fasta=[{tmp_path / 'moved' / 'x.fa'},{tmp_path / 'y.fa'}]")
    assert_same(folder, tmp_path / "whole")


def test_a_checkpoint_or_another_run_may_be_gone_on_with_in_a_new_folder(home: Path, whole: Path, tmp_path: Path):
    run(home, tmp_path / "run", f"resume={whole}/checkpoints/step-00000011.ckpt")
    assert_same(tmp_path / "run", whole)
    (resumed,) = record_of(tmp_path / "run")["resumed"]
    assert (resumed["step"], resumed["from"]) == (11, f"{whole}/checkpoints/step-00000011.ckpt")
    assert (resumed["finished"], resumed["then"], resumed["another"]) == (False, {}, [])
    stopped = at_step(whole, tmp_path / "stopped", 10)
    run(home, tmp_path / "other", f"resume={stopped}")
    assert_same(tmp_path / "other", whole)


def test_another_run_without_a_checkpoint_is_refused(home: Path, whole: Path, tmp_path: Path):
    stopped = at_step(whole, tmp_path / "stopped", 6)
    shutil.rmtree(stopped / "checkpoints")
    with pytest.raises(InputError, match=r"^resume=.*stopped: no checkpoint was written there; name another run or"):
        run(home, tmp_path / "run", f"resume={stopped}")
    assert not (tmp_path / "run" / "record.json").exists()


def test_a_command_that_named_another_run_can_be_given_again(home: Path, whole: Path, tmp_path: Path):
    stopped, folder = at_step(whole, tmp_path / "stopped", 6), tmp_path / "run"
    run(home, folder, f"resume={stopped}", "checkpoint.every_n_steps=1", "checkpoint.keep=9")
    for step in (9, 6):  # and where it was killed before it wrote a checkpoint of its own
        again = at_step(folder, tmp_path / str(step), max(step, 7))
        if step == 6:
            shutil.rmtree(again / "checkpoints")
        run(home, again, f"resume={stopped}")
        assert_same(again, whole)
        assert [resumed["step"] for resumed in record_of(again)["resumed"]] == ([6, 9] if step == 9 else [6])
    with pytest.raises(FinishedRunError, match=r"already holds this run, finished at step 12; a larger"):
        run(home, again, f"resume={stopped}")


def test_without_resume_a_run_is_not_touched(home: Path, stopped: Path, whole: Path):
    for more in ("resume=no", f"resume={whole}"):
        with pytest.raises(OutputError, match=r"already holds a run; wanted a new folder, or resume=auto"):
            run(home, stopped, more)


def test_a_folder_in_which_a_run_works_is_refused(home: Path, stopped: Path, monkeypatch):
    def busy(*_: object) -> None:
        raise BlockingIOError

    monkeypatch.setattr("genolong.genome.files.file_lock.fcntl.lockf", busy)
    with pytest.raises(BusyError, match=r"another process is working in this folder") as caught:
        run(home, stopped)
    assert caught.value.exit_code == 75


def test_other_regions_in_a_bed_file_are_refused(home: Path, tmp_path: Path):
    bed = tmp_path / "regions.bed"
    bed.write_text("one\t0\t811\ntwo\t0\t200\n")
    named = f"data.regions={bed}"
    run(home, tmp_path / "whole", named, "checkpoint.every_n_steps=1", f"checkpoint.keep={STEPS}")
    run(home, at_step(tmp_path / "whole", tmp_path / "same", 7), named)
    assert_same(tmp_path / "same", tmp_path / "whole")
    bed.write_text("one\t0\t811\ntwo\t0\t300\n")
    with pytest.raises(InputError, match=r"data.regions, data.validation: not the BED files that the run in .* reads"):
        run(home, at_step(tmp_path / "whole", tmp_path / "other", 7), named)
