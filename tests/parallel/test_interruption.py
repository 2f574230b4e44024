"""Ctrl-C, SIGTERM, SIGHUP and SIGUSR1 are noticed in any thread, and nobody else's way to notice it is taken."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from genolong.parallel.interruption import Interruption, held_back
from tests.builders.waiting import wait_until


@pytest.fixture(autouse=True)
def a_handler_that_raises_nothing() -> Iterator[None]:
    all_of_them = signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2
    before = {sent: signal.signal(sent, lambda *_: None) for sent in all_of_them}
    yield
    for sent, handler in before.items():
        signal.signal(sent, handler)


def type_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_it_is_noticed_within_and_not_outside():
    interruption = Interruption()
    type_ctrl_c()
    with interruption.noticed():
        os.kill(os.getpid(), signal.SIGUSR2)
        assert interruption.came_s() == 0 and interruption.ending() is None
        for number, code in ((signal.SIGUSR1, 75), (signal.SIGHUP, 129), (signal.SIGTERM, 143)):  # which counts most
            os.kill(os.getpid(), number)
            ending = interruption.ending()
            assert interruption.came_s() == 0 and isinstance(ending, SystemExit) and ending.code == code
        type_ctrl_c()
        assert isinstance(interruption.ending(), KeyboardInterrupt)
        assert interruption.came_s() > 0
        time.sleep(0.02)
        type_ctrl_c()  # a second time: the first one counts
        assert interruption.came_s() > 0.01
    assert interruption.came_s() > 0
    assert signal.set_wakeup_fd(-1) == -1


def test_who_listens_already_goes_on_listening():
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    signal.set_wakeup_fd(writes)
    try:
        with Interruption().noticed():
            type_ctrl_c()
        assert os.read(reads, 9) == bytes([signal.SIGINT])
    finally:
        assert signal.set_wakeup_fd(-1) == writes
        os.close(reads)
        os.close(writes)


def test_another_thread_than_the_main_one_notices_nothing_and_disturbs_nothing():
    seen = []

    def listen() -> None:
        with Interruption().noticed():
            seen.append(True)

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert seen == [True]


def test_held_back_it_comes_later_whichever_thread_gets_it():
    came: list[int] = []
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    for _ in range(20):
        with held_back(signal.SIGINT):
            type_ctrl_c()
            assert not came
        wait_until(lambda: came)  # the other thread may get it, and then has to wait for a core
        assert came == [signal.SIGINT]
        came.clear()
    done.set()
    thread.join()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt), held_back(signal.SIGINT):
        type_ctrl_c()


def test_held_back_in_another_thread_or_where_it_is_ignored_changes_nothing():
    def hold() -> None:
        with held_back(signal.SIGINT):
            pass

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=hold)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGINT) is before
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with held_back(signal.SIGINT):
        type_ctrl_c()
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_held_back_each_signal_comes_as_often_as_it_came_to_any_thread():
    came: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: came.append(number))
    let_through = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with held_back(signal.SIGINT, signal.SIGTERM):
        signal.pthread_sigmask(signal.SIG_SETMASK, let_through)  # as in a thread that was there before
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
            signal.raise_signal(number)
        assert not came
    assert came == [signal.SIGINT, signal.SIGTERM, signal.SIGINT]


def test_a_process_that_is_started_while_signals_are_held_back_keeps_them_waiting():
    told = "import signal, sys; sys.exit(not {2, 15} <= signal.pthread_sigmask(signal.SIG_BLOCK, ()))"
    with held_back(signal.SIGINT, signal.SIGTERM):
        started = subprocess.run([sys.executable, "-c", told])
    assert started.returncode == 0
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & {signal.SIGINT, signal.SIGTERM}
