"""How well a score tells positives from negatives: AUROC and AUPRC with bootstrap intervals, and both curves."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64
from torchmetrics.functional.classification import binary_auroc, binary_average_precision

from genolong.loading.chance import Stream, integer
from genolong.report.figures import Figure

OUTSIDE = (0.025, 0.975)  # what lies between is 95 %
BLOCK = 1 << 20  # alleles drawn at once
AREA, ALLELES = "area", "alleles"

Counts = Int64[np.ndarray, "*draws levels"]


class Estimate(NamedTuple):
    """A value, and of the draws the bounds that 95 % lie between and their standard deviation; None without draws."""

    value: float
    low: float | None = None
    high: float | None = None
    error: float | None = None

    def figures(self, name: str, alleles: int) -> Iterator[Figure]:
        """The value, then its bounds as name_low and name_high."""
        yield Figure(name, self.value, AREA, alleles, self.error)
        for end, bound in (("low", self.low), ("high", self.high)):
            if bound is not None:
                yield Figure(f"{name}_{end}", bound, AREA, alleles, None)


class Discrimination(NamedTuple):
    """Of one score on some alleles: both areas, and how many alleles of either class had it, and how many did not."""

    auroc: Estimate
    auprc: Estimate
    positives: int
    negatives: int
    missing: int

    def figures(self, name: str) -> Iterator[Figure]:
        """All of it under a name."""
        alleles = self.positives + self.negatives
        yield from self.auroc.figures(f"{name}/auroc", alleles)
        yield from self.auprc.figures(f"{name}/auprc", alleles)
        for what in ("positives", "negatives", "missing"):
            yield Figure(f"{name}/{what}", float(getattr(self, what)), ALLELES, alleles + self.missing, None)


class Group(NamedTuple):
    """Alleles of some kind, how many of either class there are, and what was found of every score that has enough."""

    name: str
    positives: int
    negatives: int
    found: Mapping[str, Discrimination]

    def figures(self) -> Iterator[Figure]:
        """`vcf/score/what` of all alleles, which have no name, `vcf/score/name/what` of others."""
        for score, each in self.found.items():
            yield from each.figures("/".join(filter(None, ("vcf", score, self.name))))

    @property
    def base_rate(self) -> float:
        """The share of positives, the precision of a score that knows nothing."""
        return self.positives / (self.positives + self.negatives)


@dataclass(frozen=True, eq=False)
class Curves:
    """Both curves, a point for every threshold from the highest score down: recall is the true positive rate."""

    false_positive_rate: Float64[np.ndarray, " levels"]
    recall: Float64[np.ndarray, " levels"]
    precision: Float64[np.ndarray, " levels"]


def discriminate(
    positive: Bool[np.ndarray, " alleles"], score: Float64[np.ndarray, " alleles"], *,
    least: int, draws: int, seed: int,
) -> Discrimination | None:  # fmt: skip
    """Both areas, with intervals of so many draws; None where either class has fewer than `least` alleles with a score.

    Alleles are drawn with replacement within either class, so that every draw has the same base rate. Which ones is a
    function of the seed and of the number of alleles: scores of the same alleles share their draws.
    """
    known = ~np.isnan(score)
    target, levels = positive[known], _levels(score[known])
    positives = int(target.sum())
    negatives, missing = len(target) - positives, len(score) - len(target)
    if min(positives, negatives) < max(least, 1):
        return None
    # torchmetrics takes numbers beyond 0 … 1 for logits, and its sigmoid would make large scores equal: ranks are safe
    ranks, truth = torch.from_numpy(levels / max(int(levels.max()), 1)), torch.from_numpy(target.astype(np.int64))
    drawn = bootstrap(levels[target], levels[~target], draws, seed)
    auroc = _estimate(float(binary_auroc(ranks, truth)), drawn[0])
    auprc = _estimate(float(binary_average_precision(ranks, truth)), drawn[1])
    return Discrimination(auroc, auprc, positives, negatives, missing)


def curves(positive: Bool[np.ndarray, " alleles"], score: Float64[np.ndarray, " alleles"]) -> Curves:
    """Of the alleles that have a score."""
    known = ~np.isnan(score)
    target, levels = positive[known], _levels(score[known])
    size = int(levels.max()) + 1
    right, wrong = (np.bincount(levels[each], minlength=size)[::-1].cumsum() for each in (target, ~target))
    return Curves(wrong / wrong[-1], right / right[-1], right / (right + wrong))


def bootstrap(
    positives: Int64[np.ndarray, " positives"], negatives: Int64[np.ndarray, " negatives"], draws: int, seed: int
) -> tuple[Float64[np.ndarray, " draws"], Float64[np.ndarray, " draws"]]:
    """AUROC and AUPRC of every draw; scores are given as levels, whole numbers from 0 in their order.

    Levels are counted, not sorted again: a draw costs little more than its random numbers.
    """
    size = int(max(positives.max(), negatives.max())) + 1
    step = max(1, BLOCK // max(len(positives) + len(negatives), size))
    areas = [(np.zeros(0), np.zeros(0))]
    for first in range(0, draws, step):
        drawn = np.arange(first, min(first + step, draws))
        right, wrong = (_drawn(group, drawn, seed, which, size) for which, group in enumerate((positives, negatives)))
        areas.append((auroc_of(right, wrong), auprc_of(right, wrong)))
    rocs, precisions = zip(*areas, strict=True)
    return np.concatenate(rocs), np.concatenate(precisions)


def auroc_of(positives: Counts, negatives: Counts) -> Float64[np.ndarray, "*draws"]:
    """The share of pairs in which the positive one has the higher level, ties as half; from counts by level."""
    below = negatives.cumsum(-1) - negatives / 2
    return (positives * below).sum(-1) / (positives.sum(-1) * negatives.sum(-1))


def auprc_of(positives: Counts, negatives: Counts) -> Float64[np.ndarray, "*draws"]:
    """Average precision: of each positive, the precision at its level; from counts by level."""
    right, wrong = (counts[..., ::-1].cumsum(-1)[..., ::-1] for counts in (positives, negatives))
    return (positives * right / np.maximum(right + wrong, 1)).sum(-1) / positives.sum(-1)


def _drawn(levels: Int64[np.ndarray, " alleles"], draws: Int64[np.ndarray, " draws"], seed: int, which: int, size: int):
    """Counts by level of every draw of as many alleles as there are."""
    rows, alleles = np.arange(len(draws))[:, None], np.arange(len(levels))
    chosen = levels[integer(seed, Stream.RESAMPLE, draws[:, None], which, alleles[None], below=len(levels))]
    return np.bincount((rows * size + chosen).ravel(), minlength=len(draws) * size).reshape(len(draws), size)


def _levels(score: Float64[np.ndarray, " alleles"]) -> Int64[np.ndarray, " alleles"]:
    return np.unique(score, return_inverse=True)[1].astype(np.int64)


def _estimate(value: float, drawn: Float64[np.ndarray, " draws"]) -> Estimate:
    if not len(drawn):
        return Estimate(value)
    low, high = np.quantile(drawn, OUTSIDE)
    return Estimate(value, float(low), float(high), float(drawn.std(ddof=1)))
