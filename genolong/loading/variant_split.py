"""Which labelled alleles train and which validate: whole contigs or blocks of positions, never neighbours."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from genolong.errors import InputError
from genolong.genome.alleles import ContigNames
from genolong.genome.edit import Variant

BLOCKS = 20  # of positions, of which some validate


class VariantSplit(NamedTuple):
    """Which alleles train, which validate, and which do neither: they stand within a window of a validation allele."""

    train: Bool[np.ndarray, " alleles"]
    validation: Bool[np.ndarray, " alleles"]

    @property
    def dropped(self) -> int:
        """How many do neither."""
        return int((~(self.train | self.validation)).sum())


def split_variants(
    variants: Sequence[Variant], names: ContigNames, contigs: Sequence[str], share: float, window_bp: int
) -> VariantSplit:
    """By contigs where some are named; otherwise `share` of the alleles, in blocks that lie evenly over the genome.

    Blocks hold as many alleles each, in the order of contigs and positions; alleles of one position stay together. Of
    the others, those whose window could overlap one of a validation allele are dropped. Raises InputError for a contig
    that has no allele.
    """
    if contigs:
        held = {name: names.find(name) for name in contigs}
        present = {variant.contig for variant in variants}
        for asked, name in held.items():
            if name not in present:
                raise InputError(f"data.validation: no labelled allele is on {asked}; they are on {', '.join(present)}")
        validation = np.array([variant.contig in held.values() for variant in variants], bool)
    else:
        validation = _blocks(variants, share)
    return VariantSplit(~validation & ~_near(variants, validation, window_bp), validation)


def _blocks(variants: Sequence[Variant], share: float) -> Bool[np.ndarray, " alleles"]:
    places = sorted({(variant.contig, variant.start) for variant in variants})
    number = {place: at for at, place in enumerate(places)}
    block = np.array([number[variant.contig, variant.start] * BLOCKS // len(places) for variant in variants])
    # block b validates where the running total of the share passes a whole number
    return np.floor((block + 1) * share + 0.5) > np.floor(block * share + 0.5)


def _near(
    variants: Sequence[Variant], validation: Bool[np.ndarray, " alleles"], window_bp: int
) -> Bool[np.ndarray, " alleles"]:
    """Whether the window of an allele could overlap that of one that validates, for either allele's length."""
    reach = window_bp + max((variant.span for variant in variants), default=0)
    starts = np.array([variant.start for variant in variants])
    contigs = np.array([variant.contig for variant in variants])
    near = np.zeros(len(variants), bool)
    for contig in np.unique(contigs[validation]):
        there = contigs == contig
        held = np.sort(starts[validation & there])
        after = np.searchsorted(held, starts[there] - reach, side="right")
        near[there] = (after < len(held)) & (held[np.minimum(after, len(held) - 1)] < starts[there] + reach)
    return near
