"""Bases as small integers: A C G T N are 0 1 2 3 4; every other IUPAC letter reads as N."""

import numpy as np
from jaxtyping import UInt8

A, C, G, T, N, MASK = range(6)  # MASK stands for a base hidden from the model: it is never read from a file
BASES = "ACGT"
AMBIGUOUS = "RYSWKMBDHV"  # IUPAC letters for "one of several bases": read as N
_LETTERS = b"ACGTN?"
_INVALID = 255


def _code_of_every_byte() -> bytes:
    codes = bytearray([_INVALID] * 256)
    for letter, code in [*zip("ACGTN", (A, C, G, T, N), strict=True), *((letter, N) for letter in AMBIGUOUS)]:
        codes[ord(letter)] = codes[ord(letter.lower())] = code
    return bytes(codes)


_CODES = _code_of_every_byte()
_COMPLEMENT = bytes([T, G, C, A, N, MASK, *range(6, 256)])


def encode(letters: bytes) -> UInt8[np.ndarray, " length"]:
    """The code of every letter, in either case; raises ValueError for a letter that is not DNA."""
    codes = np.frombuffer(bytearray(letters.translate(_CODES)), dtype=np.uint8)  # bytearray: callers may write into it
    if codes.size and codes.max() == _INVALID:
        at = int(np.argmax(codes == _INVALID))
        raise ValueError(f"{letters[at : at + 1]!r} at position {at} is not a letter of DNA")
    return codes


def decode(codes: UInt8[np.ndarray, " length"]) -> str:
    """The letters of codes, MASK as '?'; raises ValueError for a code above MASK."""
    if codes.size and codes.max() > MASK:
        raise ValueError(f"{int(codes.max())} is not the code of a base")
    return np.frombuffer(_LETTERS, dtype=np.uint8)[codes].tobytes().decode("ascii")


def reverse_complement(codes: UInt8[np.ndarray, " length"]) -> UInt8[np.ndarray, " length"]:
    """The other strand, read in its own direction; N and MASK stay as they are."""
    return np.frombuffer(bytearray(codes[::-1].tobytes().translate(_COMPLEMENT)), dtype=np.uint8)
