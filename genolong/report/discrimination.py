"""How well a score separates positives from negatives: AUROC and AUPRC with bootstrap intervals, and their curves."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64
from torchmetrics.functional.classification import binary_auroc, binary_average_precision

from genolong.loading.chance import Stream, integer
from genolong.report.figures import Figure

OUTSIDE = (0.025, 0.975)  # quantiles that enclose 95 %
BLOCK = 1 << 20  # alleles drawn per batch
AREA, ALLELES = "area", "alleles"

Counts = Int64[np.ndarray, "*draws levels"]


class Estimate(NamedTuple):
    """A value, with the 95 % bounds and the standard deviation of its bootstrap draws; None without draws."""

    value: float
    low: float | None = None
    high: float | None = None
    error: float | None = None

    def figures(self, name: str, alleles: int) -> Iterator[Figure]:
        """The value as a figure, then its bounds as name_low and name_high."""
        yield Figure(name, self.value, AREA, alleles, self.error)
        for end, bound in (("low", self.low), ("high", self.high)):
            if bound is not None:
                yield Figure(f"{name}_{end}", bound, AREA, alleles, None)


class Discrimination(NamedTuple):
    """AUROC and AUPRC of one score, and the numbers of positives, negatives, and alleles without a value."""

    auroc: Estimate
    auprc: Estimate
    positives: int
    negatives: int
    missing: int

    def figures(self, name: str) -> Iterator[Figure]:
        """Everything as figures whose names start with `name`."""
        alleles = self.positives + self.negatives
        yield from self.auroc.figures(f"{name}/auroc", alleles)
        yield from self.auprc.figures(f"{name}/auprc", alleles)
        for what in ("positives", "negatives", "missing"):
            yield Figure(f"{name}/{what}", float(getattr(self, what)), ALLELES, alleles + self.missing, None)


class Group(NamedTuple):
    """A named group of alleles, with its numbers of both classes, and the results of every score with enough values."""

    name: str
    positives: int
    negatives: int
    found: Mapping[str, Discrimination]

    def figures(self) -> Iterator[Figure]:
        """Figures named `vcf/score/what` for all alleles (the group without a name), else `vcf/score/name/what`."""
        for score, each in self.found.items():
            yield from each.figures("/".join(filter(None, ("vcf", score, self.name))))

    @property
    def base_rate(self) -> float:
        """The share of positives, which is the precision of an uninformative score."""
        return self.positives / (self.positives + self.negatives)


@dataclass(frozen=True, eq=False)
class Curves:
    """ROC and precision-recall curves, a point per threshold from the highest score down; recall is also the TPR."""

    false_positive_rate: Float64[np.ndarray, " levels"]
    recall: Float64[np.ndarray, " levels"]
    precision: Float64[np.ndarray, " levels"]


def discriminate(
    positive: Bool[np.ndarray, " alleles"], score: Float64[np.ndarray, " alleles"], *,
    least: int, draws: int, seed: int,
) -> Discrimination | None:  # fmt: skip
    """AUROC and AUPRC, with intervals from `draws` draws; None if a class has fewer than `least` alleles with a score.

    Alleles are drawn with replacement within each class, so that every draw has the same base rate. The draws depend
    only on the seed and the number of alleles: scores of the same alleles share their draws.
    """
    known = ~np.isnan(score)
    target, levels = positive[known], _levels(score[known])
    positives = int(target.sum())
    negatives, missing = len(target) - positives, len(score) - len(target)
    if min(positives, negatives) < max(least, 1):
        return None
    # torchmetrics takes values outside 0 … 1 for logits, and its sigmoid would make large scores equal: use ranks
    ranks, truth = torch.from_numpy(levels / max(int(levels.max()), 1)), torch.from_numpy(target.astype(np.int64))
    drawn = bootstrap(levels[target], levels[~target], draws, seed)
    auroc = _estimate(float(binary_auroc(ranks, truth)), drawn[0])
    auprc = _estimate(float(binary_average_precision(ranks, truth)), drawn[1])
    return Discrimination(auroc, auprc, positives, negatives, missing)


def curves(positive: Bool[np.ndarray, " alleles"], score: Float64[np.ndarray, " alleles"]) -> Curves:
    """The curves over the alleles that have a score."""
    known = ~np.isnan(score)
    target, levels = positive[known], _levels(score[known])
    size = int(levels.max()) + 1
    right, wrong = (np.bincount(levels[each], minlength=size)[::-1].cumsum() for each in (target, ~target))
    return Curves(wrong / wrong[-1], right / right[-1], right / (right + wrong))


def bootstrap(
    positives: Int64[np.ndarray, " positives"], negatives: Int64[np.ndarray, " negatives"], draws: int, seed: int
) -> tuple[Float64[np.ndarray, " draws"], Float64[np.ndarray, " draws"]]:
    """AUROC and AUPRC of every draw; scores are given as levels, integers from 0 in the order of the scores.

    Levels are counted instead of sorted again: a draw costs little more than its random numbers.
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
    """The share of pairs whose positive has the higher level, ties counting half; from counts per level."""
    below = negatives.cumsum(-1) - negatives / 2
    return (positives * below).sum(-1) / (positives.sum(-1) * negatives.sum(-1))


def auprc_of(positives: Counts, negatives: Counts) -> Float64[np.ndarray, "*draws"]:
    """Average precision: the mean, over positives, of the precision at their level; from counts per level."""
    right, wrong = (counts[..., ::-1].cumsum(-1)[..., ::-1] for counts in (positives, negatives))
    return (positives * right / np.maximum(right + wrong, 1)).sum(-1) / positives.sum(-1)


def _drawn(levels: Int64[np.ndarray, " alleles"], draws: Int64[np.ndarray, " draws"], seed: int, which: int, size: int):
    """Counts per level for every draw; each draw has as many alleles as `levels`."""
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
