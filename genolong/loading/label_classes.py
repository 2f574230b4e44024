"""Splits labelled alleles into a positive and a negative class; counts and reports the alleles left out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from jaxtyping import Bool

from genolong.counted import counted
from genolong.errors import InputError
from genolong.genome.synthetic.variants import DISRUPTING, NEUTRAL
from genolong.loading.labelled_alleles import LabelledAlleles, Words
from genolong.nearest import nearest

SHOWN = 12  # labels in a message


@dataclass(frozen=True, eq=False)
class TwoClasses:
    """Alleles of two classes, which of them are positive, the labels of each class, a title, and notes."""

    alleles: LabelledAlleles
    positive: Bool[np.ndarray, " alleles"]
    positives: Sequence[str]
    negatives: Sequence[str]
    title: str
    notes: tuple[str, ...]


def two_classes(
    name: str, label: str, alleles: LabelledAlleles, positives: Sequence[str] | None, negatives: Sequence[str] | None
) -> TwoClasses:
    """The alleles whose label is among the positives or the negatives; by default `disrupting` and `neutral`.

    Raises InputError if the labels have to be chosen, and if either class has no allele.
    """
    counts = alleles.label.counts()
    if positives is None or negatives is None:
        if set(counts) != {DISRUPTING, NEUTRAL}:
            raise InputError(
                f"{name}: {label} is {told(counts)}; choose which values to tell apart, as `positive` and as `negative`"
            )
        positives, negatives = [DISRUPTING], [NEUTRAL]
    masks = {}
    for which, values in (("positive", positives), ("negative", negatives)):
        masks[which] = _any_of(alleles.label, values)
        if not masks[which].any():
            near = nearest(values[0], counts)
            raise InputError(
                f"{name}: no allele is {which}: {label} is never {' or '.join(values)}, but {told(counts)}{near}"
            )
    wanted = {*positives, *negatives}
    others = {text: count for text, count in counts.items() if text not in wanted}
    absent = [text for text in (*positives, *negatives) if text not in counts]
    chosen = masks["positive"] | masks["negative"]
    title = f"{label} {' or '.join(positives)} against {' or '.join(negatives)}"
    return TwoClasses(
        alleles.only(chosen),
        masks["positive"][chosen],
        positives,
        negatives,
        title,
        tuple(_notes(label, alleles, others, absent)),
    )


def told(counts: Mapping[str, int]) -> str:
    """Labels with their counts as text, the most frequent ones first."""
    shown = [f"{text} ({count:,})" for text, count in list(counts.items())[:SHOWN]]
    return ", ".join(shown) + (f" and {len(counts) - SHOWN:,} other values" if len(counts) > SHOWN else "")


def _any_of(label: Words, texts: Sequence[str]) -> Bool[np.ndarray, " alleles"]:
    return reduce(np.logical_or, map(label.are, texts))


def _notes(label: str, alleles: LabelledAlleles, others: Mapping[str, int], absent: Sequence[str]) -> Iterable[str]:
    if others:
        yield f"left out {counted(sum(others.values()), 'allele')} with other labels: {told(others)}"
    if alleles.unlabelled:
        yield f"left out {counted(alleles.unlabelled, 'allele')} without {label}"
    if alleles.malformed:
        yield f"left out {counted(alleles.malformed, 'malformed line')}"
    if absent:
        yield f"{label} is never {' or '.join(absent)}{nearest(absent[0], alleles.label.counts())}"
