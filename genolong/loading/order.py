"""Draws the training window of step t, slot j as a pure function of (seed, t, j)."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from genolong.errors import InputError
from genolong.genome.coordinates import Interval
from genolong.genome.fasta import Genome
from genolong.loading.chance import Stream, bits, integer, uniform
from genolong.loading.stretches import count_bases, least_known, usable_tiles

ATTEMPTS = 64


class Window(NamedTuple):
    """The interval and strand of one training example, and the key for drawing its mask."""

    interval: Interval
    reverse: bool
    key: int


class TrainingOrder:
    """The training windows of every step, drawn in proportion to their known bases (A C G T).

    A base of the regions is drawn, and the window is centred on it, or shifted if it would leave the region. The window
    is accepted with a probability equal to its share of known bases, and never if that is below `min_known`. Far from
    the ends of a region and from N, every base is read equally often; within a window of an end, 0.5 to 1.5 times as
    often, and beside a run of N down to 0.375 times (if `min_known` is 0.5).

        region   |==========================|
                      ....*....                 in the middle: the window is centred on the base
                 .*.......                      near an end: the window is shifted inwards
    """

    def __init__(
        self, genome: Genome, regions: Sequence[Interval], window_bp: int, min_known: float, reverse_complement: float,
        seed: int,
    ) -> None:  # fmt: skip
        assert min(region.length for region in regions) >= window_bp, "every region holds a window"
        self.genome, self.regions, self.window_bp = genome, tuple(regions), window_bp
        self.least_known = least_known(min_known, window_bp)
        self.reverse_complement, self.seed = reverse_complement, seed
        self._ends = list(accumulate(region.length for region in self.regions))
        usable = [usable_tiles(genome, region, window_bp, self.least_known) for region in self.regions]
        self._tiles, self._tile_ends = np.concatenate(usable), list(accumulate(map(len, usable)))
        if not len(self._tiles):
            raise InputError(
                f"no window of {window_bp:,} bases in the {count_bases(regions):,} training bases has "
                f"{self.least_known:,} known ones (A C G T); lower data.min_known, or use a smaller context"
            )

    @property
    def notes(self) -> tuple[str, ...]:
        """Messages for the user: how much of the regions is mostly N."""
        tiles = sum(region.length // self.window_bp for region in self.regions)
        skipped = tiles - len(self._tiles)
        if not skipped:
            return ()
        return (
            f"{skipped:,} of {tiles:,} training windows, laid end to end, have fewer than {self.least_known:,} known "
            f"bases of {self.window_bp:,} (data.min_known): such windows are never drawn",
        )

    def window(self, step: int, slot: int) -> Window:
        """The window of one slot of a step; the same in every process and worker, and after any earlier calls."""
        reverse = uniform(self.seed, Stream.STRAND, step, slot) < self.reverse_complement
        return Window(self._place(step, slot), reverse, bits(self.seed, Stream.WINDOW, step, slot))

    def _place(self, step: int, slot: int) -> Interval:
        for attempt in range(ATTEMPTS):
            interval = self._around(integer(self.seed, Stream.PLACE, step, slot, attempt, below=self._ends[-1]))
            known = self.genome.known(interval)
            kept = uniform(self.seed, Stream.KEEP, step, slot, attempt) * self.window_bp < known
            if kept and known >= self.least_known:
                return interval
        return self._tile(integer(self.seed, Stream.RESORT, step, slot, below=len(self._tiles)))

    def _around(self, base: int) -> Interval:
        """The window around a base of the regions, whose number counts through all regions."""
        index = bisect_right(self._ends, base)
        region = self.regions[index]
        start = region.end - (self._ends[index] - base) - self.window_bp // 2
        start = min(max(start, region.start), region.end - self.window_bp)
        return Interval(region.contig, start, start + self.window_bp)

    def _tile(self, index: int) -> Interval:
        """A window with enough known bases, for a genome so rich in N that no draw found one."""
        region, start = self.regions[bisect_right(self._tile_ends, index)], int(self._tiles[index])
        return Interval(region.contig, start, start + self.window_bp)
