"""A signal is noted, not acted on, until the work asks; only a second Ctrl-C does not wait."""

import logging
import os
import pty
import signal
import sys
from collections.abc import Iterator

import pytest

from genolong.parallel.stop_request import StopRequest
from genolong.parallel.stopped import EXIT_CODES, Stopped, obeyed


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Also where the suite itself runs in the background, which ignores Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129), (signal.SIGUSR1, 75)]
)
def test_a_signal_waits_until_the_work_asks_for_it(number: int, code: int):
    request = StopRequest()
    before = {each: signal.getsignal(each) for each in EXIT_CODES}
    with request.listening():
        assert request.agreed() is None
        signal.raise_signal(number)
        assert request.agreed() == number
    assert {each: signal.getsignal(each) for each in EXIT_CODES} == before
    stopped = Stopped(number, 3)
    assert (stopped.code, stopped.name) == (code, signal.Signals(number).name)


def test_what_was_heard_is_told_at_once(caplog):
    request = StopRequest()
    with caplog.at_level(logging.INFO, "genolong"), request.listening():
        signal.raise_signal(signal.SIGTERM)
    assert caplog.messages == ["SIGTERM: stopping after this step, once it can be resumed"]


def test_a_second_interrupt_does_not_wait():
    request = StopRequest()
    with request.listening():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_signals_are_taken_back_from_a_library():
    request = StopRequest()
    with request.listening():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        request.listen()
        signal.raise_signal(signal.SIGTERM)
        assert request.agreed() == signal.SIGTERM


def test_what_was_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        request = StopRequest()
        with request.listening():
            signal.raise_signal(signal.SIGINT)
            assert request.agreed() is None
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129), (signal.SIGUSR1, 75)]
)
def test_before_a_work_listens_a_signal_ends_it_and_says_its_name(number: int, code: int):
    before = {each: signal.getsignal(each) for each in EXIT_CODES}
    with obeyed():
        with StopRequest().listening():
            signal.raise_signal(number)
        with pytest.raises(Stopped) as caught:
            signal.raise_signal(number)
    assert (caught.value.code, caught.value.step) == (code, None)
    assert {each: signal.getsignal(each) for each in EXIT_CODES} == before


def test_who_listens_already_is_not_disturbed():
    heard: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: heard.append(number))
    try:
        with obeyed():
            signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert heard == [signal.SIGUSR1]


def test_a_terminal_that_was_closed_is_not_written_to(tmp_path):
    code = (
        "import sys, time\n"
        "from genolong.parallel.stop_request import StopRequest\n"
        "request = StopRequest()\n"
        "with request.listening():\n"
        "    print('ready', flush=True)\n"
        "    while request.agreed() is None:\n"
        "        time.sleep(0.01)\n"
        "    print('more', flush=True)\n"
        "    print('more', file=sys.stderr, flush=True)\n"
        f"    open({str(tmp_path / 'end')!r}, 'w').write('reached')\n"
    )
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-c", code])
    while b"ready" not in os.read(terminal, 4096):
        pass
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (tmp_path / "end").read_text() == "reached"
