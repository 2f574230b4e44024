"""Signals that stop the work, the exception that they raise, and its exit code; without torch, for the command line."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from genolong.closed_terminal import leave_closed_terminals

EXIT_CODES = {  # SIGHUP: the terminal was closed; 75: temporary failure, a scheduler may try again
    signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGHUP: 129, signal.SIGUSR1: 75,
}  # fmt: skip


class Stopped(SystemExit):
    """Work that stopped after a step because of a signal; everything needed to resume is saved.

    `step` is None if the signal came before the first or after the last step.
    """

    def __init__(self, number: int, step: int | None) -> None:
        super().__init__(EXIT_CODES[signal.Signals(number)])
        self.name, self.step = signal.Signals(number).name, step
        self.told = False  # whether the user has been told


class Left(Stopped):
    """Work that stopped at a step chosen in advance, without a signal."""


@contextmanager
def obeyed() -> Iterator[None]:
    """Within this block, a signal to stop ends the work at once, with its exit code, unless another handler is set.

    Applies only in the main thread, and only to signals that would end the process.
    """
    usual = (signal.SIG_DFL, signal.default_int_handler)
    there = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in EXIT_CODES if there}
    taken = [number for number, handler in before.items() if handler in usual]
    for number in taken:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])


def _stop(number: int, _: Any) -> None:
    leave_closed_terminals()
    raise Stopped(number, None)
