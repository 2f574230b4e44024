"""Only a process that has begun and then stands still is silent, and only while the one that looks did not."""

from ctypes import c_uint64

import pytest

from genolong.parallel.signs_of_life import SignsOfLife


class Clock:
    """A clock that a test turns."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counters():
    return (c_uint64 * 3)()


def test_signs_are_counted_and_silence_grows(counters, clock):
    signs = SignsOfLife(counters, 0, 10, clock)
    counters[1] = counters[2] = 1
    for _ in range(20):
        clock.now += 1
        counters[2] += 1
        signs.look()
    assert list(counters) == [20, 1, 21]
    assert [signs.silent_s(rank) for rank in range(3)] == [0, 19, 0]


def test_who_is_still_importing_is_not_silent(counters, clock):
    signs = SignsOfLife(counters, 0, 10, clock)
    for _ in range(100):
        clock.now += 1
        signs.look()
    assert signs.silent_s(1) == 0 and not signs.begun(1)
    counters[1] = 1
    for _ in range(7):
        clock.now += 1
        signs.look()
    assert signs.silent_s(1) == 6 and signs.begun(1)


def test_who_was_stopped_itself_counts_anew_for_all(counters, clock):
    signs = SignsOfLife(counters, 2, 10, clock)
    counters[0] = counters[1] = 1
    for pause, silent in ((1, 0), (4, 4), (1, 5), (3600, 0), (5, 5), (4, 9), (6, 0)):
        clock.now += pause
        signs.look()
        assert signs.silent_s(0) == signs.silent_s(1) == silent
