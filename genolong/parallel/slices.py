"""Computes which positions of a sequence each process holds, and which segments several processes share."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple


class SharedSegment(NamedTuple):
    """A segment in more than one slice: positions start ... end - 1, and the first and last process with a part."""

    start: int
    end: int
    first: int
    last: int

    @property
    def processes(self) -> int:
        return self.last - self.first + 1

    def piece(self, bounds: Sequence[int], process: int) -> tuple[int, int]:
        """The range of the segment's positions that a process holds, (begin, end)."""
        return max(self.start, bounds[process]), min(self.end, bounds[process + 1])

    def rows(self, bounds: Sequence[int], dilation: int) -> int:
        """The most keys of a head that a process sends; all messages have this length."""
        pieces = (self.piece(bounds, process) for process in range(self.first, self.last + 1))
        return max(-(-(end - begin) // dilation) for begin, end in pieces)


def longest(bounds: Sequence[int]) -> int:
    """Number of positions in the longest slice."""
    return max(end - begin for begin, end in pairwise(bounds))


@lru_cache(maxsize=64)
def slice_bounds(length: int, processes: int) -> tuple[int, ...]:
    """The starts of the slices, and the length: process p holds positions bounds[p] ... bounds[p + 1] - 1.

    Slices differ by about a thirtieth at most. They start at multiples of a power of two, as most segments do, so that
    few segments are cut. With more processes than positions, some slices are empty.
    """
    grain = 1 << max(0, (length // processes).bit_length() - 6)
    inner = (round(process * length / processes / grain) * grain for process in range(1, processes))
    return (0, *inner, length)


@lru_cache(maxsize=256)
def shared_segments(bounds: tuple[int, ...], segment: int) -> tuple[SharedSegment, ...]:
    """The segments of `segment` positions (the last may be shorter) that a boundary between two slices cuts."""
    length = bounds[-1]
    found: dict[int, SharedSegment] = {}
    for bound in bounds[1:-1]:
        start = bound - bound % segment
        if bound % segment and start not in found and bound < length:
            end = min(start + segment, length)
            found[start] = SharedSegment(start, end, bisect_right(bounds, start) - 1, bisect_left(bounds, end) - 1)
    return tuple(found.values())
