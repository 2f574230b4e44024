"""A training as a process of its own, killed or signalled at will, and started again with the same command."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.builders.resumed_runs import overrides, rows_of

LIMIT_S = 120


def command(home: Path, folder: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "genolong", "train", f"hydra.run.dir={folder}", *overrides(home, *more)]


def start(home: Path, folder: Path, *more: str) -> subprocess.Popen[str]:
    """In a session of its own, with its stderr kept."""
    return subprocess.Popen(
        command(home, folder, *more), stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def finish(home: Path, folder: Path, *more: str) -> str:
    """Runs it to its end, and returns what it said."""
    with start(home, folder, *more) as process:
        _, said = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, said
    return said


def when_row(folder: Path, step: int) -> Callable[[], bool]:
    """Whether a step has been logged."""

    def logged() -> bool:
        return (folder / "metrics.csv").exists() and any(int(row["step"]) >= step for row in rows_of(folder)[-3:])

    return logged


def when_begun(folder: Path) -> Callable[[], bool]:
    """Whether the folder is a run's."""
    return (folder / "record.json").exists


def wait_until(process: subprocess.Popen[str], when: Callable[[], bool]) -> None:
    """Or until the process has ended."""
    until = time.monotonic() + LIMIT_S
    while process.poll() is None and not when():
        assert time.monotonic() < until
        time.sleep(0.01)


def signalled(
    process: subprocess.Popen[str], number: int, when: Callable[[], bool], *, group: bool = True, delay_s: float = 0
) -> str:  # fmt: skip
    """Sends a signal, to the process alone or to its whole group, once `when` says so; what it said until its end."""
    wait_until(process, when)
    time.sleep(delay_s)
    if process.poll() is None:
        (os.killpg if group else os.kill)(process.pid, number)
    try:
        return process.communicate(timeout=LIMIT_S)[1]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
