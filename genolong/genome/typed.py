"""What people type in a program: a sequence as codes, a variant as CONTIG:POSITION REF>ALT, counted from 1."""

import re
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from genolong.errors import InputError
from genolong.genome.alphabet import MASK, encode

_VARIANT = re.compile(r"\s*(\S+):([0-9][0-9,]{0,20})[\s:]\s*([A-Za-z]+)\s*>\s*([^\s,]+)\s*", flags=re.ASCII)
_OTHER = re.compile(r"[^ACGTNacgtn?]")
_SHOWN = 80  # characters


class TypedVariant(NamedTuple):
    """As a VCF has it, but for the position, which counts from 0."""

    contig: str
    position: int
    reference: bytes
    alternate: bytes


def codes_of(sequence: str) -> UInt8[np.ndarray, " length"]:
    """Of A C G T N in either case, and ? for a base that is hidden; raises InputError for any other letter."""
    if not sequence:
        raise InputError("the sequence is empty; wanted letters A C G T N")
    wrong = _OTHER.search(sequence)
    if wrong is not None:
        raise InputError(
            f"the sequence has {wrong[0]!r} as its letter {wrong.start() + 1:,}; wanted A C G T N, or ? for a base "
            "that is hidden from the model"
        )
    codes = encode(sequence.replace("?", "N").encode())
    codes[np.frombuffer(sequence.encode(), dtype=np.uint8) == ord("?")] = MASK
    return codes


def typed_variant(text: str) -> TypedVariant:
    """Raises InputError for what is not written so."""
    found = _VARIANT.fullmatch(text)
    if found is None or int(found[2].replace(",", "")) < 1:
        raise InputError(
            f"{text[:_SHOWN]!r}: wanted a variant as CONTIG:POSITION REF>ALT with one ALT, like chr17:43045712 T>G; "
            "positions count from 1, as in a VCF"
        )
    return TypedVariant(found[1], int(found[2].replace(",", "")) - 1, found[3].encode(), found[4].encode())
