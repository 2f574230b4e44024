"""Notices signals that end the work, even while the main thread is blocked inside a library."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from genolong.parallel.stopped import Stopped


class Interruption:
    """Notices signals at once, in any thread; Python calls a handler only after a library's function has returned.

    Only the `which`-th Ctrl-C counts; earlier ones are handled elsewhere.
    """

    def __init__(self, which: int = 1) -> None:
        self._left, self._at = which, dict[int, float]()
        self._reads: int | None = None

    @contextmanager
    def noticed(self) -> Iterator[None]:
        """Notice signals within this block, unless it is not in the main thread or another library already listens."""
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
        """How many seconds ago the Ctrl-C that counts was typed; 0 if it was not."""
        self._look()
        return max(time.monotonic() - self._at[signal.SIGINT], 1e-9) if signal.SIGINT in self._at else 0.0

    def ending(self) -> BaseException | None:
        """The exception with which a noticed signal ends the work, or None; other failures are only consequences."""
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
    """Block these signals within this block; processes started in it inherit the block.

    Signals that arrived are handled at the end, unless the block ends with an exception.
    """
    late: list[tuple[int, Any]] = []
    handlers: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        handlers = {number: handler for number in numbers if callable(handler := signal.getsignal(number))}
    for number in handlers:  # because another thread, where the signal is not blocked, may receive it
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
