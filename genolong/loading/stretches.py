"""Arithmetic on stretches of contigs: count bases, widen to a window, take the tail, tile with windows."""

from collections.abc import Iterable, Iterator, Sequence
from math import ceil

import numpy as np
from jaxtyping import Int64

from genolong.genome.coordinates import Interval
from genolong.genome.fasta import Genome


def count_bases(stretches: Iterable[Interval]) -> int:
    """The total number of bases."""
    return sum(stretch.length for stretch in stretches)


def widen(stretch: Interval, contig_length: int, window_bp: int) -> Interval:
    """The stretch, extended on both sides to one window if shorter, and shifted if it would leave its contig."""
    missing = window_bp - stretch.length
    if missing <= 0:
        return stretch
    start = min(max(stretch.start - missing // 2, 0), contig_length - window_bp)
    return Interval(stretch.contig, start, start + window_bp)


def tail(stretches: Sequence[Interval], share: float, window_bp: int) -> Iterator[Interval]:
    """The last `share` of the bases, taken from the last stretch backwards; every piece holds at least a window."""
    wanted = int(count_bases(stretches) * share)
    for stretch in reversed(stretches):
        length = min(stretch.length, wanted)
        if length < window_bp:
            return
        yield Interval(stretch.contig, stretch.end - length, stretch.end)
        wanted -= length


def whole_contigs(contigs: Iterable[Sequence[Interval]], share: float) -> Iterator[Interval]:
    """All stretches of some contigs, spread evenly over the list, with about `share` of its bases."""
    owed = 0.0
    for stretches in contigs:
        length = count_bases(stretches)
        owed += share * length
        if owed >= length / 2:
            owed -= length
            yield from stretches


def least_known(min_known: float, window_bp: int) -> int:
    """How many A C G T a window must hold: a share of its bases, but at least one, or there is nothing to learn."""
    return max(1, ceil(round(min_known * window_bp, 6)))


def usable_tiles(genome: Genome, stretch: Interval, window_bp: int, least: int) -> Int64[np.ndarray, " tiles"]:
    """Starts of the windows, laid end to end from the start of the stretch, that hold at least `least` A C G T.

    Splits the stretch in half until a part can be decided as a whole: the cost grows with the runs of N, not with the
    length.
    """
    tiles = stretch.length // window_bp
    if not tiles:
        return np.zeros(0, np.int64)
    part = Interval(stretch.contig, stretch.start, stretch.start + tiles * window_bp)
    known = genome.known(part)
    if known < least:
        return np.zeros(0, np.int64)
    if part.length - known <= window_bp - least:
        return stretch.start + window_bp * np.arange(tiles)
    middle = part.start + tiles // 2 * window_bp
    halves = (Interval(part.contig, part.start, middle), Interval(part.contig, middle, part.end))
    return np.concatenate([usable_tiles(genome, half, window_bp, least) for half in halves])
