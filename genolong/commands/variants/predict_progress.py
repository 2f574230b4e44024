"""Progress of predict: a bar on a terminal, otherwise a line now and then."""

import logging
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from genolong.bars import shown_on
from genolong.counted import counted
from genolong.report.tally import Tally

logger = logging.getLogger(__name__)

LINE_EVERY_S = 30.0


class Watch:
    """The events that predict reports while it works; this base class ignores them."""

    def begin(self, total: int | None, resumed_after: int) -> None:
        """Called at the start, with the input's size in bytes (if known) and the records done before a resume."""

    def block(self, consumed: int, windows: int) -> None:
        """Called when a block has been read, with the input's bytes read so far and the windows its scores need."""

    def advance(self, windows: int) -> None:
        """Called with the number of windows just read."""

    def done(self, tally: Tally) -> None:
        """Called when a block has been written."""

    def end(self) -> None:
        """Called at the end, also after an error."""


class PredictProgress(Watch):
    """Shows the share of the input done, alleles per second and the time left, on stderr's console."""

    def __init__(self, console: Console) -> None:
        columns = (
            TextColumn("scoring"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[told]}"),
            TimeRemainingColumn(),
        )  # fmt: skip
        self._bar = Progress(*columns, console=console, transient=True) if shown_on(console) else None

    def begin(self, total: int | None, resumed_after: int) -> None:
        if resumed_after:
            logger.info("resuming after %s", counted(resumed_after, "record"))
        self._total, self._begun = total, time.monotonic()
        self._told, self._before = self._begun, -1
        self._from = self._to = self._windows = self._read = 0
        if self._bar is not None:
            self._row = self._bar.add_task("", total=total, told="")
            self._bar.start()

    def block(self, consumed: int, windows: int) -> None:
        self._from, self._to, self._windows, self._read = self._to, consumed, windows, 0

    def advance(self, windows: int) -> None:
        self._read += windows
        if self._bar is not None:
            done = self._from + (self._to - self._from) * self._read / max(self._windows, 1)
            self._bar.update(self._row, completed=done)

    def done(self, tally: Tally) -> None:
        now = time.monotonic()
        if self._before < 0:  # the first block and earlier work do not count for the speed
            self._before, self._begun, self._base = tally.alleles, now, self._to
        told = f"{counted(tally.records, 'record')}, {counted(tally.scored, 'allele')} scored"
        if now > self._begun:
            told += f", {(tally.alleles - self._before) / (now - self._begun):,.0f} alleles/s"
        if self._bar is not None:
            self._bar.update(self._row, completed=self._to, told=told)
        elif now - self._told >= LINE_EVERY_S:
            logger.info("%s%s", told, self._share(now))
            self._told = now

    def _share(self, now: float) -> str:
        """The share of the input done, and the time left, if known."""
        if not self._total:
            return ""
        share = f", {self._to / self._total:.0%} of the input"
        if self._to == self._base:
            return share
        return f"{share}, {(now - self._begun) * (self._total - self._to) / (self._to - self._base):.0f} s left"

    def end(self) -> None:
        if self._bar is not None:
            self._bar.stop()
