"""Parses typed input: a sequence, and a variant (CONTIG:POSITION REF>ALT) or region counted from 1."""

import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from genolong.errors import InputError, SettingsError
from genolong.genome.alphabet import MASK, encode
from genolong.genome.coordinates import Interval, match_contig
from genolong.genome.regions import no_contig

_VARIANT = re.compile(r"\s*(\S+):([0-9][0-9,]{0,20})[\s:]\s*([A-Za-z]+)\s*>\s*([^\s,]+)\s*", flags=re.ASCII)
_REGION = re.compile(r"(.+):([0-9][0-9,]{0,20})[-–]([0-9][0-9,]{0,20})", flags=re.ASCII)
_OTHER = re.compile(r"[^ACGTNacgtn?]")
_SHOWN = 80  # characters


class TypedVariant(NamedTuple):
    """A variant as in a VCF, except that the position counts from 0."""

    contig: str
    position: int
    reference: bytes
    alternate: bytes


def codes_of(sequence: str) -> UInt8[np.ndarray, " length"]:
    """The codes of a sequence of A C G T N, in either case, and ? for a hidden base; raises InputError otherwise."""
    if not sequence:
        raise InputError("the sequence is empty; wanted letters A C G T N")
    wrong = _OTHER.search(sequence)
    if wrong is not None:
        raise InputError(
            f"letter {wrong.start() + 1:,} of the sequence is {wrong[0]!r}; wanted A C G T N, or ? for a base that is "
            "hidden from the model"
        )
    codes = encode(sequence.replace("?", "N").encode())
    codes[np.frombuffer(sequence.encode(), dtype=np.uint8) == ord("?")] = MASK
    return codes


def typed_variant(text: str) -> TypedVariant:
    """Parse CONTIG:POSITION REF>ALT; raises InputError for any other text."""
    found = _VARIANT.fullmatch(text)
    if found is None or int(found[2].replace(",", "")) < 1:
        raise InputError(
            f"{text[:_SHOWN]!r}: wanted a variant as CONTIG:POSITION REF>ALT with one ALT, like chr17:43045712 T>G; "
            "positions count from 1, as in a VCF"
        )
    return TypedVariant(found[1], int(found[2].replace(",", "")) - 1, found[3].encode(), found[4].encode())


def typed_region(text: str, contigs: Mapping[str, int]) -> Interval:
    """Parse CONTIG:FIRST-LAST as in samtools and IGV, commas allowed, or CONTIG for all of it; `contigs` has lengths.

    LAST may lie beyond the contig, as in these programs. Raises SettingsError for any other text.
    """
    text = text.strip()
    shown = f"region={text[:_SHOWN]}"
    whole = match_contig(text, contigs)
    if whole is not None:
        return Interval(whole, 0, contigs[whole])
    found = _REGION.fullmatch(text)
    if found is None:
        if ":" not in text:
            _contig(text, contigs, shown)
        raise SettingsError(
            f"{shown}: wanted CONTIG:FIRST-LAST, like chr17:43,044,295-43,045,800; both count from 1, and LAST "
            "is included (one base: chr17:43,044,295-43,044,295; a whole contig: chr17)"
        )
    contig = _contig(found[1], contigs, shown)
    first, last = (int(number.replace(",", "")) for number in found.groups()[1:])
    if first < 1:
        raise SettingsError(f"{shown}: starts at {first}; wanted 1 or more, because positions count from 1")
    if last < first:
        raise SettingsError(f"{shown}: ends at {last:,}, before its start at {first:,}; wanted the start first")
    if first > contigs[contig]:
        raise SettingsError(
            f"{shown}: lies beyond {contig}, which has {contigs[contig]:,} bases; "
            "is it from another build of the genome?"
        )
    return Interval(contig, first - 1, last)


def _contig(name: str, contigs: Mapping[str, int], shown: str) -> str:
    contig = match_contig(name, contigs)
    if contig is None:
        raise SettingsError(f"{shown}: {no_contig(name, contigs)}")
    return contig
