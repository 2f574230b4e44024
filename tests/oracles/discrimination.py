"""AUROC and average precision as they are explained: pair by pair, and positive by positive."""

from collections.abc import Sequence


def auroc(positives: Sequence[float], negatives: Sequence[float]) -> float:
    """The share of pairs in which the positive one is higher; a tie is half a pair."""
    pairs = [(one > other) + (one == other) / 2 for one in positives for other in negatives]
    return sum(pairs) / len(pairs)


def auprc(positives: Sequence[float], negatives: Sequence[float]) -> float:
    """The mean over positives of the precision among all that score at least as high."""
    precisions = []
    for threshold in positives:
        right = sum(score >= threshold for score in positives)
        precisions.append(right / (right + sum(score >= threshold for score in negatives)))
    return sum(precisions) / len(precisions)
