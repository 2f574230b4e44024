"""Compares two results: whether they are the same to the last bit, and where they differ most."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple


class Pair(NamedTuple):
    """A figure's name and its value in both results; None where one lacks it."""

    name: str
    then: float | None
    now: float | None


@dataclass(frozen=True)
class Comparison:
    """How many figures there are, how many differ, and the largest relative difference with its figure."""

    figures: int
    unequal: int
    largest: float
    where: str

    @property
    def line(self) -> str:
        """The comparison in a sentence."""
        if not self.unequal:
            return f"all {self.figures:,} figures are the same to the last bit"
        if self.largest == float("inf"):
            return f"{self.unequal:,} of {self.figures:,} figures differ: {self.where} is a number in one of them only"
        return (
            f"{self.unequal:,} of {self.figures:,} figures differ, {self.where} most, by {self.largest:.2g} of its size"
        )


def compared(pairs: Iterable[Pair]) -> Comparison:
    """Compares all pairs in one pass; NaN equals NaN."""
    figures = unequal = 0
    largest, where = 0.0, ""
    for name, then, now in pairs:
        figures += 1
        difference = _difference(then, now)
        if difference:
            unequal += 1
            if difference > largest:
                largest, where = difference, name
    return Comparison(figures, unequal, largest, where)


def _difference(then: float | None, now: float | None) -> float:
    if then is None or now is None:
        return 0.0 if then is now else float("inf")
    if then == now or (then != then and now != now):
        return 0.0
    if not (isfinite(then) and isfinite(now)):
        return float("inf")
    return abs(then - now) / max(abs(then), abs(now))
