"""A training as a process of its own, killed or signalled at will, and started again with the same command."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.builders.resumed_runs import overrides, rows_of

LIMIT_S = 120


def start(home: Path, folder: Path, *more: str, by: Sequence[str] = ()) -> subprocess.Popen[str]:
    """A pretraining; `by` what starts it in Python's place, like torchrun."""
    return start_with(folder, *overrides(home, *more), by=by)


def start_with(folder: Path, *settings: str, by: Sequence[str] = ()) -> subprocess.Popen[str]:
    """Any training, in a session of its own, with its stderr kept."""
    return subprocess.Popen(
        [sys.executable, *by, "-m", "genolong", "train", f"hydra.run.dir={folder}", *settings],
        stderr=subprocess.PIPE, text=True, start_new_session=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def in_a_terminal_closed(
    home: Path, folder: Path, when: Callable[[], bool], *more: str, disowned: bool = False
) -> int:  # fmt: skip
    """The exit code of a pretraining that shows its bar in a terminal, which is closed once `when` says so.

    `disowned`: no signal tells it.
    """
    words = [sys.executable, "-m", "genolong", "train", f"hydra.run.dir={folder}", *overrides(home, *more)]
    child, terminal = pty.fork()
    if child == 0:
        if disowned:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.execve(sys.executable, words, {**os.environ, "OMP_NUM_THREADS": "1", "TERM": "xterm"})
    until, shown = time.monotonic() + LIMIT_S, b""
    while not when():
        assert time.monotonic() < until, shown
        if select.select([terminal], [], [], 0.01)[0]:
            shown += os.read(terminal, 4096)
    assert b"training" in shown
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def by_torchrun(processes: int, restarts: int) -> tuple[str, ...]:
    """What starts a training in several processes, time and again."""
    told = (f"--nproc-per-node={processes}", f"--max-restarts={restarts}")
    return ("-m", "torch.distributed.run", "--standalone", *told)


def process_of(torchrun: int, rank: int) -> int:
    """The process id of that rank of those that torchrun has started."""
    for at in Path(f"/proc/{torchrun}/task/{torchrun}/children").read_text().split():
        if f"RANK={rank}".encode() in Path(f"/proc/{at}/environ").read_bytes().split(b"\0"):
            return int(at)
    raise LookupError(f"torchrun has no process {rank}")


def finish(home: Path, folder: Path, *more: str) -> str:
    """Runs a pretraining to its end, and returns what it said."""
    return finished(start(home, folder, *more))


def finished(training: subprocess.Popen[str]) -> str:
    """What it said until its end."""
    with training as process:
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
