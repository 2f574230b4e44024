"""However a job in several processes ends, it ends in all of them, and the first one says why."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from genolong.errors import InputError, LostProcessError
from genolong.parallel.child import say
from genolong.parallel.launcher import launched
from genolong.parallel.place import Place
from genolong.parallel.stopped import Stopped
from tests.builders.waiting import LIMIT_S, wait_until
from tests.builders.watched_job import leave, meet, work

PATIENT_S = 60  # where no process is to fall silent, however busy the machine is
IMPATIENT_S = 4


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    threads, names = torch.get_num_threads(), set(os.environ)
    yield
    if dist.is_initialized():
        dist.destroy_process_group()
    assert not multiprocessing.active_children()
    assert torch.get_num_threads() == threads
    assert set(os.environ) == names
    assert signal.set_wakeup_fd(-1) == -1
    assert not [thread.name for thread in threading.enumerate() if "_watch" in thread.name]


def lead(size: int, what: str, patience_s: int = PATIENT_S) -> None:
    with launched(size, work, what, patience_s=patience_s) as place:
        meet(place)
        leave()


def test_one_process_starts_none():
    with launched(1, work, "", patience_s=PATIENT_S) as place:
        assert place == Place.alone()
        assert not multiprocessing.active_children()


def test_torchruns_own_store_is_not_looked_for(monkeypatch):
    """torchrun with one process, which starts others itself."""
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    lead(2, "")


def tell_threads(place: Place, folder: Path) -> None:
    (folder / str(place.rank)).write_text(f"{place.local_rank} {place.size} {torch.get_num_threads()}")


def test_all_share_the_threads_and_a_second_job_follows(tmp_path):
    before = torch.get_num_threads()
    torch.set_num_threads(7)
    try:
        with launched(3, tell_threads, tmp_path, patience_s=PATIENT_S) as place:
            assert torch.get_num_threads() == 2
        assert place == Place(0, 3, 0, 3, place.address)
        assert torch.get_num_threads() == 7
    finally:
        torch.set_num_threads(before)
    assert [(tmp_path / str(rank)).read_text() for rank in (1, 2)] == ["1 3 2", "2 3 2"]
    lead(2, "")


def tell_start_method(_: Place, file: Path) -> None:
    file.write_text(multiprocessing.get_start_method())


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_data_workers_of_others_start_as_those_of_the_first(tmp_path, method):
    """A spawned process would spawn its own, each of which imports PyTorch."""
    before = multiprocessing.get_start_method()
    multiprocessing.set_start_method(method, force=True)
    try:
        with launched(2, tell_start_method, tmp_path / "told", patience_s=PATIENT_S):
            pass
    finally:
        multiprocessing.set_start_method(before, force=True)
    assert (tmp_path / "told").read_text() == method


@pytest.mark.parametrize(("size", "what", "error", "told"), [
    (3, "die", LostProcessError, "process 2 of 3 was killed by signal 9 (too little memory?); all others "
     "were stopped, too"),
    (2, "exit", LostProcessError, "process 1 of 2 ended with exit code 0; all others were stopped, too"),
    (3, "raise", InputError, "thirteen"),
    (2, "peculiar", RuntimeError, "Peculiar: 1 and 3"),
])  # fmt: skip
def test_what_ends_another_process_the_first_one_raises(size, what, error, told):
    with pytest.raises(error) as raised:
        lead(size, what)
    assert str(raised.value) == told
    if error is not LostProcessError:
        (note,) = raised.value.__notes__
        assert note.startswith(f"raised in process {size - 1} of {size}:\nTraceback") and "watched_job.py" in note


def test_a_process_that_stands_still_is_lost():
    with pytest.raises(LostProcessError, match=rf"process 1 of 2 gave no sign of life for {IMPATIENT_S} s \(parallel"):
        lead(2, "stop", IMPATIENT_S)


@pytest.mark.parametrize("error", [RuntimeError("mine"), KeyboardInterrupt()])
def test_what_the_first_one_raises_ends_the_others(error):
    others: list[int] = []
    with pytest.raises(type(error)) as raised:
        meet_and_raise(error, others)
    assert raised.value is error
    assert len(others) == 1 and is_gone(others[0])


def meet_and_raise(error: BaseException, others: list[int]) -> None:
    with launched(2, work, "hang", patience_s=PATIENT_S) as place:
        others.extend(meet(place)[1:])
        raise error


@pytest.mark.parametrize(("what", "error"), [("hang", RuntimeError("a reader was killed")), ("die", None)])
def test_sigterm_is_the_cause_of_what_fails_in_its_wake(what, error):
    before = signal.signal(signal.SIGTERM, lambda *_: None)  # which raises later, were there time
    try:
        with pytest.raises(SystemExit) as raised:
            raise_after_sigterm(what, error)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert raised.value.code == 143


def raise_after_sigterm(what: str, error: Exception | None) -> None:
    with launched(2, work, what, patience_s=PATIENT_S) as place:
        meet(place)
        os.kill(os.getpid(), signal.SIGTERM)
        if error is not None:
            raise error
        leave()


def is_gone(process: int) -> bool:
    """Whether a process has ended; who should have taken note of it may not have done so."""
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (ProcessLookupError, FileNotFoundError):
        return True


@contextmanager
def job(*words: object) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A job in a session of its own, in which Ctrl-C is not ignored, and its processes, once all have met."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # work in the background inherits otherwise
    command = [sys.executable, "-m", "tests.builders.watched_job", *map(str, words)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, start_new_session=True, **pipes) as first:  # type: ignore[call-overload]
        signal.signal(signal.SIGINT, before)
        try:
            assert first.stdout is not None
            processes = [int(word) for word in first.stdout.readline().split()]
            assert processes[0] == first.pid
            yield first, processes
            wait_until(lambda: all(is_gone(process) for process in processes[1:]))
        finally:
            if first.poll() is None:
                os.killpg(first.pid, signal.SIGKILL)


@pytest.mark.parametrize("sent", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.nightly)])
def test_without_the_first_one_all_end(sent):
    with job(3, IMPATIENT_S, "go on") as (first, _):
        first.send_signal(sent)
        out, err = first.communicate(timeout=LIMIT_S)
    assert first.returncode == -signal.SIGKILL and out == ""
    if sent == signal.SIGSTOP:
        told = f"process 0 of 3 gave no sign of life for {IMPATIENT_S} s (parallel.patience_s); all others were stopped"
        assert err == f"genolong: error: {told}, too\n"
    else:
        assert err == ""


@pytest.mark.parametrize(
    ("what", "out"), [("go on", "raised: "), pytest.param("stay away", "", marks=pytest.mark.nightly)]
)
def test_a_process_that_is_killed_ends_a_first_one_that_notices_and_one_that_does_not(what, out):
    with job(3, PATIENT_S, what) as (first, processes):
        os.kill(processes[2], signal.SIGKILL)
        found = first.communicate(timeout=LIMIT_S)
    told = "process 2 of 3 was killed by signal 9 (too little memory?); all others were stopped, too\n"
    assert first.returncode == 75
    assert found == ((out + told, "") if out else ("", f"genolong: error: {told}"))


@pytest.mark.nightly
def test_ctrl_c_ends_all_also_where_the_first_one_waits_for_a_message():
    with job(2, PATIENT_S, "hang") as (first, _):
        time.sleep(1)  # it waits by now; if it does not, Ctrl-C is the easier to notice
        os.killpg(first.pid, signal.SIGINT)  # as a terminal does: to all
        found = first.communicate(timeout=LIMIT_S)
    assert (first.returncode, *found) == (130, "interrupted\n", "")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            Stopped(signal.SIGUSR1, None),
            "stopped by SIGUSR1 while its processes were waiting for each other; start it again",
        ),
        (KeyboardInterrupt(), "interrupted"),
        (InputError("one\ntwo"), "error: one two"),
        (ValueError("three"), "error: ValueError: three"),
        (SystemExit(3), None),
    ],
)
def test_what_ends_a_first_one_that_is_blocked_is_told_in_one_line(capfd, error, line):
    say(error)
    assert capfd.readouterr() == ("", "" if line is None else f"genolong: {line}\n")


@pytest.mark.nightly
def test_all_stopped_for_longer_than_patience_lasts_go_on_afterwards():
    with job(3, IMPATIENT_S, "go on") as (first, processes):
        os.killpg(first.pid, signal.SIGSTOP)  # as Ctrl-Z does
        time.sleep(1.4 * IMPATIENT_S)
        for process in reversed(processes):  # the first one last, after some time without it
            os.kill(process, signal.SIGCONT)
        os.killpg(first.pid, signal.SIGCONT)
        found = first.communicate("", timeout=LIMIT_S)
    assert (first.returncode, *found) == (0, "done\n", "")
