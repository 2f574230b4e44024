"""Calibration of probabilities: the share of positives among alleles with about the same probability."""

from collections.abc import Iterator
from math import sqrt
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64

BINS = 15  # bins of equal width, as in arXiv 1706.04599
SURE = 1.96  # standard errors on either side that hold 95 %


class Bin(NamedTuple):
    """Alleles of similar probability: mean probability, number, share of positives, and its 95 % bounds."""

    mean: float
    alleles: int
    share: float
    low: float
    high: float


def is_probability(values: Float64[np.ndarray, " alleles"]) -> bool:
    """Whether there are known values, and all lie between 0 and 1."""
    known = values[~np.isnan(values)]
    return bool(len(known)) and bool(((known >= 0) & (known <= 1)).all())


def calibration_bins(positive: Bool[np.ndarray, " alleles"], chance: Float64[np.ndarray, " alleles"]) -> list[Bin]:
    """The bins that hold alleles; alleles without a value are left out."""
    return list(_bins(positive, chance))


def calibration_error(bins: list[Bin]) -> float:
    """The mean distance between mean probability and share of positives, bins weighted by their number of alleles."""
    return sum(each.alleles * abs(each.share - each.mean) for each in bins) / sum(each.alleles for each in bins)


def _bins(positive: Bool[np.ndarray, " alleles"], chance: Float64[np.ndarray, " alleles"]) -> Iterator[Bin]:
    known = ~np.isnan(chance)
    target, chances = positive[known], chance[known]
    places = np.minimum((chances * BINS).astype(int), BINS - 1)
    for place in np.unique(places):
        inside = places == place
        n, share = int(inside.sum()), float(target[inside].mean())
        # Wilson's interval, which stays between 0 and 1 (J. Am. Stat. Assoc. 22, 1927)
        middle = (share + SURE**2 / (2 * n)) / (1 + SURE**2 / n)
        half = SURE / (1 + SURE**2 / n) * sqrt(share * (1 - share) / n + SURE**2 / (4 * n**2))
        yield Bin(float(chances[inside].mean()), n, share, middle - half, middle + half)
