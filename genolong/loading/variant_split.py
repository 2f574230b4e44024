"""Splits labelled alleles into training and validation by contigs or blocks, so that windows never overlap."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from genolong.errors import InputError
from genolong.genome.alleles import ContigNames
from genolong.genome.edit import Variant

BLOCKS = 20  # blocks of positions; some of them are for validation


class VariantSplit(NamedTuple):
    """Which alleles are for training and for validation; those in neither are too close to a validation allele."""

    train: Bool[np.ndarray, " alleles"]
    validation: Bool[np.ndarray, " alleles"]

    @property
    def dropped(self) -> int:
        """How many alleles are in neither part."""
        return int((~(self.train | self.validation)).sum())


def split_variants(
    variants: Sequence[Variant], names: ContigNames, contigs: Sequence[str], share: float, window_bp: int
) -> VariantSplit:
    """Validate on the named contigs if any; otherwise on `share` of the alleles, in blocks spread over the genome.

    Blocks hold equally many positions, in the order of contigs and positions; alleles at one position stay together.
    Training alleles whose window could overlap that of a validation allele are dropped. Raises InputError for a contig
    without alleles.
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
    # block b is for validation if the rounded running total of `share` increases there
    return np.floor((block + 1) * share + 0.5) > np.floor(block * share + 0.5)


def _near(
    variants: Sequence[Variant], validation: Bool[np.ndarray, " alleles"], window_bp: int
) -> Bool[np.ndarray, " alleles"]:
    """Whether an allele's window could overlap that of a validation allele, whatever the lengths of both alleles."""
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
