"""What a person may meet: the thing works, or one line says what is wrong; never another exception, never a hang."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest

from genolong.errors import InputError

Result = TypeVar("Result")
LONGEST_S = 10


def works_or_refuses(work: Callable[[], Result], names: str = "") -> Result | None:
    """What `work` gives; None where it refuses in one line that names `names`."""
    try:
        with hang_is_a_failure():
            return work()
    except InputError as error:
        message = str(error)
        assert message and len(message.splitlines()) == 1, f"not one line: {message!r}"
        assert names in message
        assert error.exit_code in (64, 65, 66, 73, 77)
        return None


@contextmanager
def hang_is_a_failure(seconds: float = LONGEST_S) -> Iterator[None]:
    """Fails the test when the block takes longer."""

    def fail(*_: object) -> None:
        pytest.fail(f"took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def times(quick: int, nightly: int) -> pytest.MarkDecorator:
    """Parametrizes a test with how many mutants it tries: few by default, many with -m nightly."""
    return pytest.mark.parametrize("count", [quick, pytest.param(nightly, marks=pytest.mark.nightly)])
