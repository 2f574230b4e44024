"""Ctrl-C is noticed in any thread, and nobody else's way to notice it is taken."""

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from genolong.parallel.interruption import Interruption, held_back


@pytest.fixture(autouse=True)
def a_handler_that_raises_nothing() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, lambda *_: None)
    yield
    signal.signal(signal.SIGINT, before)


def type_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_it_is_noticed_within_and_not_outside():
    interruption = Interruption()
    type_ctrl_c()
    with interruption.noticed():
        assert interruption.came_s() == 0
        os.kill(os.getpid(), signal.SIGCHLD)  # another signal
        assert interruption.came_s() == 0
        type_ctrl_c()
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


def test_held_back_it_comes_later():
    came: list[int] = []
    signal.signal(signal.SIGINT, lambda *_: came.append(1))
    with held_back():
        type_ctrl_c()
        assert not came
    assert came == [1]
