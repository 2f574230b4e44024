"""A training that is killed or told to stop, by the command line, goes on as if nothing had happened."""

import os
import random
import signal
import sys
from pathlib import Path

import pytest

from genolong.runs.lock import held
from tests.builders.genomes import random_letters
from tests.builders.killed_training import (
    LIMIT_S,
    by_torchrun,
    finish,
    in_a_terminal_closed,
    process_of,
    signalled,
    start,
    wait_until,
    when_begun,
    when_row,
)  # fmt: skip
from tests.builders.resumed_runs import assert_same, record_of, rows_of, state_sha256

NIGHTLY = pytest.mark.nightly
STEPS = 300
LONG = (f"trainer.max_steps={STEPS}", "trainer.validate_every=70", "checkpoint.every_n_steps=10")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def whole(home: Path) -> Path:
    finish(home, home / "whole", *LONG)
    return home / "whole"


def kill_and_resume(home: Path, folder: Path, kills: int, seed: int, *more: str) -> int:
    """How often a training was killed, at moments drawn at random from all of its life, before it came to its end."""
    chance, killed = random.Random(seed), 0
    for _ in range(kills):
        done = rows_of(folder)[-1]["step"] if (folder / "metrics.csv").exists() and rows_of(folder) else "0"
        at, delay = min(int(done) + chance.randrange(STEPS // kills), STEPS - 5), chance.random() / 20
        with start(home, folder, *LONG, *more) as process:
            signalled(process, signal.SIGKILL, when_row(folder, at), delay_s=delay)
        killed += process.returncode == -signal.SIGKILL
    if record_of(folder)["status"] != "finished":
        finish(home, folder, *LONG, *more)
    return killed


@pytest.mark.parametrize(
    ("workers", "kills"), [(2, 2), *(pytest.param(workers, 5, marks=NIGHTLY) for workers in (0, 2))]
)
def test_a_training_killed_and_resumed_ends_as_the_uninterrupted_one(home, whole, tmp_path, workers, kills):
    folder = tmp_path / "run"
    assert kill_and_resume(home, folder, kills, 7 + workers, f"data.workers={workers}") == kills
    assert state_sha256(folder) == state_sha256(whole)
    assert rows_of(folder) == rows_of(whole)
    assert record_of(folder)["weights_sha256"] == record_of(whole)["weights_sha256"]
    assert len(record_of(folder)["resumed"]) == kills


@pytest.mark.nightly
@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
def test_a_training_whose_reading_process_is_killed_says_so_and_goes_on(home, whole, tmp_path):
    folder, more = tmp_path / "run", (*LONG, "data.workers=2")
    with start(home, folder, *more) as process:
        wait_until(process, when_row(folder, 57))
        (_, reader) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(reader), signal.SIGKILL)
        said = process.communicate(timeout=LIMIT_S)[1]
    last = said.splitlines()[-1]
    assert last.startswith("genolong: error: data.workers: a process that reads windows "), said
    assert (process.returncode, record_of(folder)["status"]) == (75, "stopped: LostProcessError")
    finish(home, folder, *more)
    assert_same(folder, whole)


@pytest.mark.nightly
@pytest.mark.parametrize("workers", [0, 2])
def test_a_training_killed_fifty_times_ends_as_the_uninterrupted_one(home, whole, tmp_path, workers):
    killed = 0
    for trial in range(10):
        folder = tmp_path / str(trial)
        killed += kill_and_resume(home, folder, 5, 100 + 10 * workers + trial, f"data.workers={workers}")
        assert state_sha256(folder) == state_sha256(whole)
        assert rows_of(folder) == rows_of(whole)
    assert killed == 50


@pytest.mark.parametrize(
    ("number", "code", "group", "workers"),
    [
        pytest.param(signal.SIGTERM, 143, False, 0, marks=NIGHTLY),
        (signal.SIGTERM, 143, True, 2),
        pytest.param(signal.SIGINT, 130, True, 2, marks=NIGHTLY),
        pytest.param(signal.SIGUSR1, 75, True, 2, marks=NIGHTLY),
    ],
)
def test_a_signal_leaves_a_checkpoint_and_its_exit_code(home, whole, tmp_path, number, code, group, workers):
    folder, more = tmp_path / "run", (*LONG, f"data.workers={workers}", "checkpoint.every_n_steps=100000")
    with start(home, folder, *more) as process:
        said = signalled(process, number, when_row(folder, 25), group=group)
    assert process.returncode == code, said
    record = record_of(folder)
    name = signal.Signals(number).name
    assert record["status"] == f"stopped: {name}" and 26 <= record["steps"] < STEPS
    told = f"stopped by {name} after step {record['steps']}; run the same command again to continue"
    assert said.splitlines()[-1] == f"genolong: {told}"
    assert "Traceback" not in said
    again = finish(home, folder, *more)
    assert f"resuming after step {record['steps']} (" in again, again
    assert state_sha256(folder) == state_sha256(whole)
    assert rows_of(folder) == rows_of(whole)


@pytest.mark.nightly
def test_a_closed_terminal_leaves_a_checkpoint(home, whole, tmp_path):
    folder, more = tmp_path / "run", (*LONG, "data.workers=2", "checkpoint.every_n_steps=100000")
    assert in_a_terminal_closed(home, folder, when_row(folder, 25), *more) == 129
    assert record_of(folder)["status"] == "stopped: SIGHUP"
    finish(home, folder, *more)
    assert state_sha256(folder) == state_sha256(whole)
    assert rows_of(folder) == rows_of(whole)


@pytest.mark.nightly
def test_a_training_that_no_signal_reaches_outlives_its_terminal(home, whole, tmp_path):
    folder = tmp_path / "run"
    assert in_a_terminal_closed(home, folder, when_row(folder, 25), *LONG, disowned=True) == 0
    assert_same(folder, whole)


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGUSR1, 75)],
)
def test_a_signal_before_the_first_step_ends_it_and_the_same_command_begins(home, whole, tmp_path, number, code):
    folder = tmp_path / "run"
    with start(home, folder, *LONG) as process:
        said = signalled(process, number, when_begun(folder))
    assert process.returncode == code, said
    assert "Traceback" not in said
    told = said.splitlines()[-1]
    assert told.startswith(f"genolong: stopped by {signal.Signals(number).name} ")
    assert "; run the same command again to " in told
    finish(home, folder, *LONG)
    assert_same(folder, whole)


LOOKS = (
    "data.validation=[two]", "data.validation_windows=5000", "context.batch=1", "trainer.max_steps=10",
    "trainer.validate_every=10",
)  # fmt: skip


@pytest.fixture(scope="module")
def large_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a validation takes seconds."""
    home = tmp_path_factory.mktemp("large")
    letters = (random_letters(length, seed=1) for length in (1_000, 30_000))
    (home / "genome.fa").write_text(">one\n{}\n>two\n{}\n".format(*letters))
    return home


def left_and_made_up_for(home: Path, folder: Path, whole: Path, code: int, number: int, *more: str) -> None:
    with start(home, folder, *LOOKS, *more) as process:
        said = signalled(process, number, when_row(folder, 9), delay_s=0.3)
    assert process.returncode == code, said
    assert record_of(folder)["steps"] == 10
    assert said.splitlines()[-1].startswith(f"genolong: stopped by {signal.Signals(number).name} after step 10; ")
    assert not any(row.get("validation/loss") for row in rows_of(folder)), (
        "the validation came to its end before the signal"
    )
    finish(home, folder, *LOOKS, *more)
    assert_same(folder, whole)


@pytest.mark.nightly
def test_a_signal_while_a_training_validates_does_not_wait(large_home, tmp_path):
    finish(large_home, tmp_path / "whole", *LOOKS)
    left_and_made_up_for(large_home, tmp_path / "run", tmp_path / "whole", 143, signal.SIGTERM)


def test_two_trainings_in_one_folder_are_one_too_many(home, tmp_path):
    with held(tmp_path / "run"), start(home, tmp_path / "run", *LONG) as process:
        _, said = process.communicate()
    assert process.returncode == 75
    assert f"genolong: error: {tmp_path}/run: another process is working in this folder" in said


TWO = ("trainer.devices=2", "parallel.sequence=2", "parallel.patience_s=30")
FEW = ("trainer.max_steps=60", "trainer.validate_every=25", "checkpoint.every_n_steps=5", "model.dropout=0.2")


@pytest.fixture(scope="module")
def whole_by_two(home: Path) -> Path:
    finish(home, home / "by-two", *FEW, *TWO)
    return home / "by-two"


@pytest.mark.nightly
@pytest.mark.parametrize(("seed", "kills"), [(1, 4), *((seed, 3) for seed in range(2, 12))])
def test_two_processes_killed_and_resumed_end_as_if_they_had_not_been(home, whole_by_two, tmp_path, seed, kills):
    folder, chance = tmp_path / "run", random.Random(seed)
    for number in range(kills):
        at = chance.randrange(55 * number // kills, 55 * (number + 1) // kills)
        with start(home, folder, *FEW, *TWO) as process:
            signalled(process, signal.SIGKILL, when_row(folder, at), delay_s=chance.random() / 20)
        assert process.returncode == -signal.SIGKILL
    finish(home, folder, *FEW, *TWO)
    assert state_sha256(folder) == state_sha256(whole_by_two)
    assert rows_of(folder) == rows_of(whole_by_two)


@pytest.mark.nightly
def test_two_processes_leave_a_validation_together(large_home, tmp_path):
    more = (*TWO, "trainer.max_steps=20")
    finish(large_home, tmp_path / "whole", *LOOKS, *more)
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGUSR1, 75)):
        left_and_made_up_for(large_home, tmp_path / str(code), tmp_path / "whole", code, number, *more)


@pytest.mark.nightly
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 75)])
def test_a_signal_before_the_first_step_ends_two_processes(home, whole_by_two, tmp_path, number, code):
    for delay_s in (0.0, 0.2):
        folder = tmp_path / str(delay_s)
        with start(home, folder, *FEW, *TWO) as process:
            said = signalled(process, number, when_begun(folder), delay_s=delay_s)
        assert process.returncode == code, said
        assert said.splitlines()[-1].startswith(f"genolong: stopped by {signal.Signals(number).name} "), said
        finish(home, folder, *FEW, *TWO)
        assert_same(folder, whole_by_two)


@pytest.mark.nightly
@pytest.mark.parametrize("ranks", [(0,), (1,), (1, 0, 1)], ids=str)
def test_torchrun_starts_again_what_lost_a_process(home, whole_by_two, tmp_path, ranks):
    folder, more = tmp_path / "run", (*FEW, *TWO)
    with start(home, folder, *more, by=by_torchrun(2, restarts=3)) as torchrun:
        for number, rank in enumerate(ranks):
            wait_until(torchrun, when_row(folder, 15 * (number + 1)))
            os.kill(process_of(torchrun.pid, rank), signal.SIGKILL)
        _, said = torchrun.communicate(timeout=LIMIT_S)
    assert torchrun.returncode == 0, said
    assert len(record_of(folder)["resumed"]) == len(ranks)
    assert_same(folder, whole_by_two)


@pytest.mark.nightly
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 75)])
def test_two_processes_stop_after_the_same_step_and_one_may_go_on(home, tmp_path, number, code):
    folder, more = tmp_path / "run", (*FEW, "checkpoint.every_n_steps=1000", "model.dropout=0.0")
    with start(home, folder, *more, *TWO) as process:
        said = signalled(process, number, when_row(folder, 9))
    assert process.returncode == code, said
    assert said.splitlines()[-1].startswith(f"genolong: stopped by {signal.Signals(number).name} after step "), said
    finish(home, folder, *more)
    finish(home, tmp_path / "whole", *more)
    losses = [
        [float(row["train/loss"]) for row in rows_of(path) if row["train/loss"]]
        for path in (folder, tmp_path / "whole")
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@pytest.mark.nightly
def test_weights_shared_by_two_processes_can_be_resumed(home, tmp_path):
    more = (*TWO, "parallel.share_weights=true", "trainer.max_steps=12", "model.dropout=0.2")
    every = ("checkpoint.every_n_steps=6", "checkpoint.keep=9")
    finish(home, tmp_path / "whole", *more, *every)
    saved = tmp_path / "whole" / "checkpoints" / "step-00000006.ckpt"
    finish(home, tmp_path / "run", *more, f"resume={saved}")
    assert state_sha256(tmp_path / "run") == state_sha256(tmp_path / "whole")
