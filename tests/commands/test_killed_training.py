"""A training that is killed or told to stop, by the command line, goes on as if nothing had happened."""

import random
import signal
from pathlib import Path

import pytest

from genolong.runs.lock import held
from tests.builders.killed_training import finish, signalled, start, when_row
from tests.builders.resumed_runs import record_of, rows_of, state_sha256

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


@pytest.mark.parametrize("workers", [0, 2])
def test_a_training_killed_and_resumed_ends_as_the_uninterrupted_one(home, whole, tmp_path, workers):
    folder = tmp_path / "run"
    assert kill_and_resume(home, folder, 2, 7 + workers, f"data.workers={workers}") == 2
    assert state_sha256(folder) == state_sha256(whole)
    assert rows_of(folder) == rows_of(whole)
    assert record_of(folder)["weights_sha256"] == record_of(whole)["weights_sha256"]
    assert len(record_of(folder)["resumed"]) == 2


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
        pytest.param(signal.SIGTERM, 143, False, 0, marks=pytest.mark.nightly),
        (signal.SIGTERM, 143, True, 2),
        pytest.param(signal.SIGINT, 130, True, 2, marks=pytest.mark.nightly),
        (signal.SIGUSR1, 75, True, 2),
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
    told = f"stopped by {name} after step {record['steps']}; the same command with hydra.run.dir={folder} goes on"
    assert said.splitlines()[-1] == f"genolong: {told}"
    assert "Traceback" not in said
    again = finish(home, folder, *more)
    assert f"goes on after step {record['steps']} (" in again, again
    assert state_sha256(folder) == state_sha256(whole)
    assert rows_of(folder) == rows_of(whole)


def test_two_trainings_in_one_folder_are_one_too_many(home, tmp_path):
    with held(tmp_path / "run"), start(home, tmp_path / "run", *LONG) as process:
        _, said = process.communicate()
    assert process.returncode == 75
    assert f"genolong: error: {tmp_path}/run: another process works in this folder" in said
