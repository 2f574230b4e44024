"""Ctrl-C, noticed also while the main thread waits in a library for a message that may never come."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Interruption:
    """Python raises KeyboardInterrupt once a library's function returns; this knows at once, in any thread.

    What counts is the `which`-th time: those before are answered otherwise.
    """

    def __init__(self, which: int = 1) -> None:
        self._left = which
        self._at: float | None = None
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
        if self._reads is not None and self._at is None:
            with suppress(BlockingIOError):
                self._left -= os.read(self._reads, 4096).count(signal.SIGINT)
                if self._left <= 0:
                    self._at = time.monotonic()
        return 0.0 if self._at is None else max(time.monotonic() - self._at, 1e-9)


@contextmanager
def held_back() -> Iterator[None]:
    """Within this, Ctrl-C waits; processes that are started within this keep it waiting."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
