"""Signs of life: a counter per process in shared memory, and how long each has not moved."""

import time
from collections.abc import Callable
from ctypes import Array, c_uint64


class SignsOfLife:
    """The processes' signs, as seen by one of them, which may itself have been suspended for a while.

    A process that has not given its first sign yet never counts as silent, because imports may take minutes on a busy
    machine.
    """

    def __init__(
        self,
        counters: Array[c_uint64],
        own: int,
        patience_s: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._counters, self._own, self._patience_s, self._clock = counters, own, patience_s, clock
        self._seen = list(counters)
        self._looked = clock()
        self._moved = [self._looked] * len(self._seen)

    def look(self) -> None:
        """Give a sign, and look for those of the others."""
        self._counters[self._own] += 1
        now = self._clock()
        stopped = now - self._looked > self._patience_s / 2  # for example by Ctrl-Z: restart all counts
        for rank, counter in enumerate(self._counters):
            if stopped or counter == 0 or counter != self._seen[rank]:
                self._seen[rank], self._moved[rank] = counter, now
        self._looked = now

    def begun(self, rank: int) -> bool:
        """Whether a process has given its first sign."""
        return self._counters[rank] > 0

    def silent_s(self, rank: int) -> float:
        """Seconds since the last sign of a process."""
        return self._looked - self._moved[rank]
