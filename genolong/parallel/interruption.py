"""Signals that end a work, noticed also while the main thread waits in a library for what may never come."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from genolong.parallel.stopped import Stopped


class Interruption:
    """Python calls what handles a signal once a library's function returns; this knows of it at once, in any thread.

    Of Ctrl-C the `which`-th time counts: those before are answered otherwise.
    """

    def __init__(self, which: int = 1) -> None:
        self._left, self._at = which, dict[int, float]()
        self._reads: int | None = None

    @contextmanager
    def noticed(self) -> Iterator[None]:
        """Within this; nothing is noticed where this is not the main thread, or another library listens already."""
        reads, writes = os.pipe()
        os.set_blocking(reads, False)
        os.set_blocking(writes, False)
        listens = False
        try:
            with suppress(ValueError):  # not the main thread
                before = signal.set_wakeup_fd(writes, warn_on_full_buffer=False)
                listens = before == -1
                if not listens:
                    signal.set_wakeup_fd(before)
            self._reads = reads
            yield
        finally:
            self._reads = None
            if listens:
                signal.set_wakeup_fd(-1)
            os.close(reads)
            os.close(writes)

    def came_s(self) -> float:
        """How many seconds ago Ctrl-C was typed that counts; 0 where it was not."""
        self._look()
        return max(time.monotonic() - self._at[signal.SIGINT], 1e-9) if signal.SIGINT in self._at else 0.0

    def ending(self) -> BaseException | None:
        """How the work ends because a signal says so, whatever fails in its wake."""
        self._look()
        if signal.SIGINT in self._at:
            return KeyboardInterrupt()
        asked = [number for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1) if number in self._at]
        return Stopped(asked[0], None) if asked else None

    def _look(self) -> None:
        if self._reads is not None:
            with suppress(BlockingIOError):
                for number in os.read(self._reads, 4096):
                    self._left -= number == signal.SIGINT
                    if number != signal.SIGINT or self._left <= 0:
                        self._at.setdefault(number, time.monotonic())


@contextmanager
def held_back(*numbers: int) -> Iterator[None]:
    """Within this, these signals wait; processes that are started within this keep them waiting.

    What came is answered when this ends, unless it ends by an exception.
    """
    late: list[tuple[int, Any]] = []
    handlers: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        handlers = {number: handler for number in numbers if callable(handler := signal.getsignal(number))}
    for number in handlers:  # for another thread may get the signal, from which it is not kept
        signal.signal(number, lambda number, frame: late.append((number, frame)))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    for number, frame in late:
        handlers[number](number, frame)
