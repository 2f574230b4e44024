"""Plans the windows for scoring single bases, and which bases one reading (pass) of a window scores."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from genolong.genome.coordinates import Interval


class Site(NamedTuple):
    """One base of a contig, counted from 0."""

    contig: str
    position: int


class Pass(NamedTuple):
    """One reading of a window, and the positions scored in it (hidden from the model unless mode is unmasked)."""

    window: Interval
    positions: tuple[int, ...]


def exact_passes(sites: Iterable[Site], window_bp: int) -> Iterator[Pass]:
    """One pass per site, with the site in the middle of the window."""
    for contig, position in sites:
        start = position - (window_bp - 1) // 2
        yield Pass(Interval(contig, start, start + window_bp), (position,))


def shared_passes(sites: Iterable[Site], window_bp: int, spacing: int) -> Iterator[Pass]:
    """Windows at every half window; sites of one pass are at least `spacing` bases apart."""
    for window, positions in _by_window(sites, window_bp):
        readings: list[list[int]] = []
        for position in positions:
            free = next((reading for reading in readings if position - reading[-1] >= spacing), None)
            if free is None:
                readings.append([position])
            else:
                free.append(position)
        yield from (Pass(window, tuple(reading)) for reading in readings)


def unmasked_passes(sites: Iterable[Site], window_bp: int) -> Iterator[Pass]:
    """Windows at every half window, each read once for all sites in its middle half."""
    yield from (Pass(window, tuple(positions)) for window, positions in _by_window(sites, window_bp))


def _by_window(sites: Iterable[Site], window_bp: int) -> Iterator[tuple[Interval, list[int]]]:
    """Sites by window; a site's window depends only on the site's position, not on other sites.

    window k      |----:====:----|                 : = : the middle half, whose sites belong to it
    window k + 1            |----:====:----|
    """
    step = max(1, window_bp // 2)
    found: dict[tuple[str, int], set[int]] = defaultdict(set)
    for contig, position in sites:
        found[contig, position // step].add(position)
    for (contig, number), positions in found.items():
        start = number * step - (window_bp - step) // 2
        yield Interval(contig, start, start + window_bp), sorted(positions)
