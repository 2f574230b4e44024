"""Random numbers as a pure function of keys: the same keys give the same numbers, on any machine."""

from collections.abc import Iterator
from enum import IntEnum
from typing import Any, overload

import numpy as np
from jaxtyping import Float64, Int64, Integer, UInt64

WORD = (1 << 64) - 1
HALF = (1 << 32) - 1
STRIDE = 0x9E3779B97F4A7C15  # 2^64 divided by the golden ratio
MIXING = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 0))  # shift, xor, multiply
PART = 1 << 15  # words, 256 KiB

Keys = Integer[np.ndarray, "..."]


class Stream(IntEnum):
    """What a random number decides; it is the first key, so that different decisions never share numbers."""

    PLACE = 1
    KEEP = 2
    RESORT = 3
    STRAND = 4
    WINDOW = 5
    HIDE = 6
    DROPOUT = 7
    RESAMPLE = 8
    ALLELE = 9


@overload
def bits(seed: int, *keys: int) -> int: ...
@overload
def bits(seed: int, *keys: int | Keys) -> Any: ...
def bits(seed: int, *keys: int | Keys) -> int | UInt64[np.ndarray, "..."]:
    """64 random bits for each combination of keys, which broadcast; an int if no key is an array.

    A counter-based generator: each key is added to the state, which is then mixed by the finaliser of splitmix64
    (Steele, Lea and Flood 2014; constants of Stafford's variant 13), so that keys may be plain counters.
    """
    state: Any = _mix((int(seed) + STRIDE) & WORD)
    for key in keys:
        word: Any = key.astype(np.uint64) if isinstance(key, np.ndarray) and key.ndim else int(key) & WORD
        state = _mix(((state ^ STRIDE) + word) & WORD)
    return state


def bits_in_a_row(seed: int, *keys: int, start: int, count: int) -> Iterator[tuple[slice, UInt64[np.ndarray, " part"]]]:
    """The bits of (seed, *keys, start), (seed, *keys, start + 1), ..., in parts that fit into the CPU's cache.

    Each part comes with its place among all, and is overwritten by the next one.
    """
    before = ((bits(seed, *keys) ^ STRIDE) + start) & WORD
    counts = np.arange(min(count, PART), dtype=np.uint64)
    words, shifted = np.empty_like(counts), np.empty_like(counts)
    for at in range(0, count, PART):
        part = slice(0, min(PART, count - at))
        np.add(counts[part], np.uint64((before + at) & WORD), out=words[part])
        _mix_in_place(words[part], shifted[part])
        yield slice(at, at + part.stop), words[part]


@overload
def uniform(seed: int, *keys: int) -> float: ...
@overload
def uniform(seed: int, *keys: int | Keys) -> Any: ...
def uniform(seed: int, *keys: int | Keys) -> float | Float64[np.ndarray, "..."]:
    """A number from 0 to below 1, a multiple of 2^-53, for each combination of keys."""
    return as_uniform(bits(seed, *keys))


def as_uniform(drawn: Any) -> Any:
    """Convert 64 random bits to a number from 0 to below 1."""
    return (drawn >> 11) * 2.0**-53


@overload
def integer(seed: int, *keys: int, below: int) -> int: ...
@overload
def integer(seed: int, *keys: int | Keys, below: int) -> Any: ...
def integer(seed: int, *keys: int | Keys, below: int) -> int | Int64[np.ndarray, "..."]:
    """An integer from 0 to `below` - 1 for each combination of keys; `below` is at most 2^63."""
    assert 0 < below <= 1 << 63, below
    drawn = _upper_half(bits(seed, *keys), below)
    return drawn.astype(np.int64) if isinstance(drawn, np.ndarray) else drawn


def _mix_in_place(words: UInt64[np.ndarray, " count"], shifted: UInt64[np.ndarray, " count"]) -> None:
    """Apply _mix to each word; `shifted` is a buffer of the same size."""
    for shift, factor in MIXING:
        np.right_shift(words, np.uint64(shift), out=shifted)
        words ^= shifted
        if factor:
            words *= np.uint64(factor)


def _mix(word: Any) -> Any:
    """Mix a word so that each result bit depends on all its bits; arrays wrap around, ints are cut to 64 bits."""
    for shift, factor in MIXING:
        word = word ^ (word >> shift)
        word = (word * factor) & WORD if factor else word
    return word


def _upper_half(word: Any, factor: int) -> Any:
    """The upper 64 bits of the 128-bit product, computed from 32-bit halves so that arrays do not overflow."""
    upper, lower = word >> 32, word & HALF
    middle = upper * (factor & HALF) + (lower * (factor & HALF) >> 32)
    return upper * (factor >> 32) + (middle >> 32) + ((lower * (factor >> 32) + (middle & HALF)) >> 32)
