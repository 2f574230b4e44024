"""Those who are told how far long work is, and stop it."""

from collections import Counter
from collections.abc import Callable


class Stop(Exception):
    """What a test stops work with."""


class StopAt:
    """A watcher that stops the work it names when it was told of it so many times; `done` is what it was told."""

    def __init__(self, work: str, times: int) -> None:
        self._work, self.left = work, times
        self.done: Counter[str] = Counter()
        self.totals: dict[str, int | None] = {}

    def __call__(self, what: str, total: int | None) -> Callable[[int], None]:
        self.totals[what] = total

        def advance(more: int) -> None:
            self.done[what] += more
            self.left -= what == self._work
            if self.left == 0:
                raise Stop

        return advance
