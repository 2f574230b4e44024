"""The same bases with less or more around them: windows cut into pieces, each to be read alone."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from genolong.genome.coordinates import Interval

SHORTEST_BP = 128


class Piece(NamedTuple):
    """What is read (`view`), which of its bases are scored, and the number of the window they belong to."""

    window: int
    view: Interval
    scored: Interval


def pieces(windows: Sequence[Interval], context_bp: int, contig_lengths: Mapping[str, int]) -> list[Piece]:
    """Views of `context_bp` bases that score every base of every window once, window by window, from left to right.

    A context shorter than the window cuts it, from its start, into pieces that are read alone: a base sees what lies
    left and right of it in its piece. The last view reaches back to be as long as the others. A longer context is laid
    around the window's middle, and shifted where it would leave its contig.

        window           |-----------------------------------|
        context, cut     |==========|==========|==========|==|
        last view                                 |-------===|
    """
    return [
        Piece(number, view, scored)
        for number, window in enumerate(windows)
        for view, scored in (
            _cut(window, context_bp)
            if context_bp < window.length
            else [(_around(window, context_bp, contig_lengths[window.contig]), window)]
        )
    ]


def doubling_contexts(window_bp: int, longest_bp: int) -> list[int]:
    """128, 256, 512, ... and `longest_bp` (0: the window); the window too, unless it is longer than that."""
    longest = longest_bp or window_bp
    contexts = {min(window_bp, longest), longest}
    context = SHORTEST_BP
    while context < longest:
        contexts.add(context)
        context *= 2
    return sorted(contexts)


def _cut(window: Interval, context_bp: int) -> list[tuple[Interval, Interval]]:
    cuts = []
    for start in range(window.start, window.end, context_bp):
        end = min(start + context_bp, window.end)
        cuts.append((Interval(window.contig, end - context_bp, end), Interval(window.contig, start, end)))
    return cuts


def _around(window: Interval, context_bp: int, contig_length: int) -> Interval:
    start = window.start - (context_bp - window.length) // 2
    start = max(min(start, contig_length - context_bp), 0)
    return Interval(window.contig, start, start + context_bp)
