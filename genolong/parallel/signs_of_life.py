"""Signs of life: a counter a process in shared memory, and how long each of them has stood still."""

import time
from collections.abc import Callable
from ctypes import Array, c_uint64


class SignsOfLife:
    """The processes' signs, as one of them sees them, which may itself have been stopped for a while.

    A process that has not given its first sign yet is not silent, however long it takes: to import everything may
    take minutes on a busy machine.
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
        """Gives a sign, and sees those of the others."""
        self._counters[self._own] += 1
        now = self._clock()
        stopped = now - self._looked > self._patience_s / 2  # as by Ctrl-Z: nobody could be seen, and all count anew
        for rank, counter in enumerate(self._counters):
            if stopped or counter == 0 or counter != self._seen[rank]:
                self._seen[rank], self._moved[rank] = counter, now
        self._looked = now

    def begun(self, rank: int) -> bool:
        """Whether a process has given a sign at all."""
        return self._counters[rank] > 0

    def silent_s(self, rank: int) -> float:
        """For how many seconds a process has given no sign."""
        return self._looked - self._moved[rank]
