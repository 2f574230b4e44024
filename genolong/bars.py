"""Progress of long work on stderr: bars on a terminal, otherwise a line every half minute."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.errors import LiveError
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from genolong.long_work import Advance, watched_by

BAR_AFTER_S = 1.0  # shorter work gets no bar
LINE_EVERY_S = 30.0
tell = logging.getLogger("genolong")


def shown_on(console: Console) -> bool:
    """Whether bars can be drawn: on a terminal that can move its cursor."""
    return console.is_terminal and not console.is_dumb_terminal


@contextmanager
def bars(console: Console) -> Iterator[None]:
    """While the context lasts, shows the progress of long work on this console."""
    drawn = _Bars(console) if shown_on(console) else None
    try:
        with watched_by(_Lines if drawn is None else drawn.begin):
            yield
    finally:
        if drawn is not None:
            drawn.stop()


class _Bars:
    """A bar for each piece of work that takes over a second; they disappear when all work is done."""

    def __init__(self, console: Console) -> None:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=console, transient=True)
        self._running = False

    def begin(self, what: str, total: int | None) -> Advance:
        begun, done, row = time.monotonic(), 0, None

        def advance(more: int) -> None:
            nonlocal done, row
            done += more
            if row is None and time.monotonic() - begun >= BAR_AFTER_S and (total is None or done < total):
                row = self._progress.add_task(what, total=total or None)
                self._start()
            if row is not None:
                self._progress.update(row, completed=done)
                if total and done >= total:
                    self._progress.remove_task(row)
                    if not self._progress.tasks:
                        self.stop()

        return advance

    def _start(self) -> None:
        if not self._running:
            try:
                self._progress.start()
            except LiveError:  # another library's bar is active, and shows the progress
                return
            self._running = True

    def stop(self) -> None:
        if self._running:
            self._progress.stop()
            self._running = False


class _Lines:
    """A line every half minute, with the share done and the time left."""

    def __init__(self, what: str, total: int | None) -> None:
        self.what, self.total, self.done = what, total, 0
        self.begun = self.told = time.monotonic()

    def __call__(self, more: int) -> None:
        self.done += more
        now = time.monotonic()
        if now - self.told < LINE_EVERY_S:
            return
        self.told = now
        if not self.total:
            tell.info("%s: %s", self.what, f"{self.done:,}")
        elif self.done:
            left = (now - self.begun) * max(self.total - self.done, 0) / self.done
            tell.info("%s: %s, %.0f s left", self.what, f"{self.done / self.total:.0%}", left)
