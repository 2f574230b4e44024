"""Signals that ask a work to stop: noted when they come, agreed on between processes when the work can stop."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist

from genolong.closed_terminal import leave_closed_terminals
from genolong.parallel.stopped import EXIT_CODES, Stopped


@contextmanager
def obeyed() -> Iterator[None]:
    """Within this, a signal ends the work at once, with its exit code, where nobody else listens to it.

    Only signals that would end the process, and only in the main thread.
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


class StopRequest:
    """No message is sent when a signal comes, which may be in the midst of any other message.

    A second Ctrl-C does not wait.
    """

    def __init__(self) -> None:
        self._asked: int | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Within this, signals are noted; only those that would end the process, and only in the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in EXIT_CODES}
        self._heard = [number for number in EXIT_CODES if before[number] != signal.SIG_IGN]
        self.listen()
        try:
            yield
        finally:
            for number in self._heard:
                signal.signal(number, before[number] or signal.SIG_DFL)

    def listen(self) -> None:
        """Takes the signals back from a library that has set handlers of its own meanwhile."""
        if threading.current_thread() is threading.main_thread():
            for number in self._heard:
                signal.signal(number, self._note)

    def agreed(self) -> int | None:
        """The signal that came to any of the processes, in all of them, which ask at the same time; None: go on."""
        own = torch.tensor([number == self._asked for number in EXIT_CODES], dtype=torch.uint8)
        if dist.is_initialized():
            dist.all_reduce(own, dist.ReduceOp.MAX)
        return next((number for number, came in zip(EXIT_CODES, own.tolist(), strict=True) if came), None)

    def _note(self, number: int, _: Any) -> None:
        if number == signal.SIGINT and self._asked == signal.SIGINT:
            raise KeyboardInterrupt
        leave_closed_terminals()
        self._asked = number
