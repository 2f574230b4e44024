"""Views of the same bases with less or more context, to measure what context contributes."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from genolong.genome.coordinates import Interval

SHORTEST_BP = 128


class Piece(NamedTuple):
    """The interval to read (`view`), the bases in it to score, and the number of their window."""

    window: int
    view: Interval
    scored: Interval


def pieces(windows: Sequence[Interval], context_bp: int, contig_lengths: Mapping[str, int]) -> list[Piece]:
    """Views of `context_bp` bases that score every base of every window once, window by window, from left to right.

    A context shorter than the window cuts it from its start into pieces that are read separately: a base sees only the
    bases of its own piece. The last view starts earlier to be as long as the others. A longer context is centred on
    the window, and shifted if it would extend past its contig.

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
    """128, 256, 512, ... up to `longest_bp` (0: the window), which is included; also the window, if not longer."""
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
