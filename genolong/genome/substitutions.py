"""Scores from the probabilities of A C G T at each base: LLR of substitutions, importance and uncertainty."""

import numpy as np
from jaxtyping import Float64, UInt8

from genolong.genome.alphabet import N

PerBase = Float64[np.ndarray, "bases 4"]


def llr_of(codes: UInt8[np.ndarray, " bases"], log_chances: PerBase) -> PerBase:
    """Log p(base) - log p(reference) in nats; 0 for the reference itself, NaN where the probabilities are NaN."""
    reference = np.minimum(codes, N - 1).astype(np.int64)[:, None]
    return log_chances - np.take_along_axis(log_chances, reference, axis=1)


def importance_of(llr: PerBase) -> Float64[np.ndarray, " bases"]:
    """Minus the mean LLR of the three substitutions, in nats: how much more likely the reference is than they are."""
    return -llr.sum(1) / 3


def uncertainty_of(log_chances: PerBase) -> Float64[np.ndarray, " bases"]:
    """The entropy in bits: 0 if one base is certain, 2 if all four are equally likely."""
    return -(np.exp(log_chances) * log_chances).sum(1) / np.log(2)
