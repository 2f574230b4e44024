"""Variants: trimming alleles, placing the window, and writing an alternate allele into it."""

from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from genolong.genome.alphabet import encode
from genolong.genome.coordinates import Interval


class Variant(NamedTuple):
    """Bases start … start + len(reference) - 1 of a contig (counted from 0) replaced by `alternate`; upper case."""

    contig: str
    start: int
    reference: bytes
    alternate: bytes

    @property
    def is_snv(self) -> bool:
        """Whether the variant replaces a single base."""
        return len(self.reference) == len(self.alternate) == 1

    @property
    def span(self) -> int:
        """Number of bases in the longer allele."""
        return max(len(self.reference), len(self.alternate))


def trimmed(contig: str, start: int, reference: bytes, alternate: bytes) -> Variant:
    """The variant without the bases that both alleles share, removed first at their ends, then at their starts.

    This drops VCF's anchor base; variants are not shifted along repeats. Equal alleles become empty.
    """
    reference, alternate = reference.upper(), alternate.upper()
    right = _shared(reference[::-1], alternate[::-1])
    reference, alternate = reference[: len(reference) - right], alternate[: len(alternate) - right]
    left = _shared(reference, alternate)
    return Variant(contig, start + left, reference[left:], alternate[left:])


def place(variant: Variant, window_bp: int) -> Interval:
    """The window with the longer allele in its middle; depends only on the variant's start and span."""
    start = variant.start - (window_bp - variant.span) // 2
    return Interval(variant.contig, start, start + window_bp)


def written(
    variant: Variant, first: int, reference: UInt8[np.ndarray, " reference"], length: int
) -> UInt8[np.ndarray, " length"]:
    """The alternate codes, `length` of them, made from reference codes in which the variant starts at `first`.

    Bases left of the variant keep their positions. Bases right of it shift, so the right end is cut or extended:
    `reference` holds `length` + len(variant.reference) codes, enough for any allele.

        reference   left | REF | right ...............|.....
        alternate   left | ALTALT | right ............|
    """
    allele = encode(variant.alternate)
    after = first + len(variant.reference)
    rest = length - first - len(allele)
    return np.concatenate([reference[:first], allele, reference[after : after + rest]])


def _shared(one: bytes, other: bytes) -> int:
    for at, (letter, twin) in enumerate(zip(one, other, strict=False)):
        if letter != twin:
            return at
    return min(len(one), len(other))
