"""Of several failures people are told the one that caused the others."""

import time
from dataclasses import replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

import pytest
import torch.distributed as dist

from genolong.errors import InputError, LostProcessError
from genolong.parallel.causes import ENDS_S, Cause, KnownChild, breaks_connection, first_cause
from genolong.parallel.child import LastWord, silence_of
from genolong.parallel.place import Place

CLOSED = RuntimeError("[gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:26534")


@pytest.mark.parametrize("error", [CLOSED, dist.DistNetworkError("x"), dist.DistBackendError("NCCL")])
def test_what_follows_from_a_broken_connection_is_known(error):
    assert breaks_connection(error)


@pytest.mark.parametrize("error", [RuntimeError("shapes"), InputError("gloo/"), LostProcessError("x"), OSError()])
def test_what_has_another_cause_is_known(error):
    assert not breaks_connection(error)


def test_the_first_failure_that_follows_from_no_other_is_the_cause():
    closed, early, late = Cause(True, 1, CLOSED), Cause(False, 2, InputError("a")), Cause(False, 3, InputError("b"))
    for causes in ([closed, early, late], [late, early, closed], [early, late], [early, closed]):
        assert first_cause(causes) is early
    assert first_cause([closed]) is closed
    assert first_cause([]) is None


class Process(SpawnProcess):
    """Stands in for a started process."""

    exitcode: Any = None
    killed = False

    def kill(self) -> None:
        self.killed = True


class Unreadable:
    """A message whose sender alone knows its class."""

    def __reduce__(self):
        return _unknown, ()


def _unknown():
    raise AttributeError("no such class here")


def child() -> tuple[KnownChild, Process, Connection]:
    """The second of seven processes, and the end of the pipe that it would write to."""
    ear, voice = Pipe(duplex=False)
    process = Process()
    return KnownChild(replace(Place.alone(), rank=1, size=7), process, ear), process, voice


def test_a_process_that_says_it_has_finished_and_ends_is_done():
    known, process, voice = child()
    known.look()
    assert not known.done and known.cause(0.0, 60) is None
    voice.send(LastWord(None, 5.0))
    known.look()
    assert not known.done and known.cause(99.0, 60) is None, "it has still to end"
    process.exitcode = 0
    known.look()
    assert known.done and known.cause(99.0, 60) is None


@pytest.mark.parametrize(("error", "follows"), [(CLOSED, True), (InputError("x.fa: no"), False)])
def test_the_error_that_a_process_sends_is_the_cause(error: Exception, follows: bool):
    known, process, voice = child()
    voice.send(LastWord(error, 5.0))
    for process.exitcode in (None, 1):
        known.look()
        cause = known.cause(99.0, 60)
        assert cause is not None and (cause.follows, cause.at, str(cause.error)) == (follows, 5.0, str(error))
        assert not known.done


def test_a_process_is_killed_that_does_not_end_after_its_last_word(monkeypatch: pytest.MonkeyPatch):
    known, process, voice = child()
    voice.send(LastWord(None, 5.0))
    for now, killed in ((5.0, False), (5.0 + ENDS_S, False), (5.1 + ENDS_S, True)):
        monkeypatch.setattr(time, "monotonic", lambda now=now: now)
        known.look()
        assert process.killed == killed


def test_a_process_may_be_silent_for_as_long_as_the_patience_lasts():
    known, *_ = child()
    known.look()
    assert known.cause(60.0, 60) is None
    cause = known.cause(60.1, 60)
    assert cause is not None and not cause.follows and str(cause.error) == str(silence_of(1, 7, 60))


@pytest.mark.parametrize(
    ("code", "how"),
    [
        (3, "ended with exit code 3"),
        (0, "ended with exit code 0"),
        (-9, "was killed by signal 9 (too little memory?)"),
        (-15, "was killed by signal 15"),
    ],
)
def test_how_a_process_ended_without_a_word_is_told(code: int, how: str):
    known, process, voice = child()
    voice.close()
    process.exitcode = code
    known.look()
    cause = known.cause(0.0, 60)
    assert cause is not None and not cause.follows and isinstance(cause.error, LostProcessError)
    assert str(cause.error) == f"process 1 of 7 {how}; all others were stopped, too" and not known.done


def test_a_last_word_that_cannot_be_read_is_an_error_of_its_own():
    known, _, voice = child()
    voice.send(Unreadable())
    known.look()
    cause = known.cause(0.0, 60)
    assert cause is not None and not cause.follows
    assert str(cause.error) == "process 1 raised an error that cannot be read here: no such class here"
