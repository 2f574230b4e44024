"""The branches of LongNet's attention: segments and dilations for a window."""

from collections.abc import Sequence
from typing import NamedTuple

from genolong.errors import SettingsError


class Branch(NamedTuple):
    """Attention among every `dilation`-th position of each segment of `segment` positions."""

    segment: int
    dilation: int


def growing_branches(length: int, segment: int, growth: int, dilation_growth: int) -> tuple[Branch, ...]:
    """Branches (segment * growth^i, dilation_growth^i) up to the first that spans all `length` positions.

    LongNet (arXiv 2307.02486) equations 11 and 12: segments and dilations grow geometrically, the first dilation is 1.
    """
    branches = [Branch(segment, 1)]
    while branches[-1].segment < length:
        last = branches[-1]
        branches.append(Branch(last.segment * growth, last.dilation * dilation_growth))
    return keep_needed(branches, length)


def keep_needed(branches: Sequence[Branch], length: int) -> tuple[Branch, ...]:
    """From branches sorted by segment, those shorter than `length` and the first that spans it, cut to `length`.

    Raises SettingsError if none spans it.
    """
    shorter = [branch for branch in branches if branch.segment < length]
    spanning = [branch for branch in branches if branch.segment >= length]
    if not spanning:
        longest = max(branch.segment for branch in branches)
        raise SettingsError(
            f"model.segments: the longest is {longest}, but the window has {length} bases and nothing would cross a "
            f"multiple of {longest}; add a segment of {length} or more"
        )
    return (*shorter, Branch(length, spanning[0].dilation))


def pairs_per_token(branches: Sequence[Branch]) -> float:
    """Query-key pairs per position and head: the sum of w / r^2 (LongNet, equation 17)."""
    return sum(branch.segment / branch.dilation**2 for branch in branches)
