"""Chance: pure in its keys, even, and unrelated between neighbouring keys."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.loading.chance import PART, bits, bits_in_a_row, integer, uniform

WORD = (1 << 64) - 1
words = st.integers(-(1 << 63), WORD)
int64s = st.integers(-(1 << 63), (1 << 63) - 1)

# The 99.99 % point of chi-square with 255 degrees of freedom is 345.
UNEVEN = 345.0


def chi_square(counts: np.ndarray) -> float:
    expected = counts.sum() / counts.size
    return float(((counts - expected) ** 2).sum() / expected)


def splitmix64(seed: int, keys: list[int]) -> int:
    """The same chain, step by step in whole numbers of any size."""

    def finalise(word: int) -> int:
        word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        word = (word ^ (word >> 27)) * 0x94D049BB133111EB % 2**64
        return word ^ (word >> 31)

    state = finalise((seed + 0x9E3779B97F4A7C15) % 2**64)
    for key in keys:
        state = finalise(((state ^ 0x9E3779B97F4A7C15) + key) % 2**64)
    return state


@given(words, st.lists(int64s, max_size=4))
def test_bits_are_the_chain_of_finalisers(seed: int, keys: list[int]) -> None:
    expected = splitmix64(seed, keys)
    assert bits(seed, *keys) == expected
    if keys:
        assert int(bits(seed, *(np.array([key]) for key in keys))[0]) == expected


def test_the_finaliser_is_that_of_the_published_generator() -> None:
    """The first numbers of splitmix64 seeded with 1234567, as published: mix(seed + i * stride)."""
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    stride = 0x9E3779B97F4A7C15
    assert [bits((1234567 + i * stride) & WORD) for i in range(3)] == published


@given(words, st.integers(1, 1 << 63), words)
def test_an_integer_is_the_upper_half_of_a_product(seed: int, below: int, key: int) -> None:
    expected = bits(seed, key) * below >> 64
    drawn = integer(seed, key, below=below)
    assert isinstance(drawn, int)
    assert drawn == expected
    assert int(integer(seed, np.array([key & WORD], np.uint64), below=below)[0]) == expected
    assert 0 <= drawn < below


@given(st.integers(0, 1 << 40), int64s, st.integers(1, 11), st.integers(1, 13))
def test_keys_broadcast_and_each_number_is_that_of_its_keys(seed: int, first: int, rows: int, columns: int) -> None:
    row, column = np.arange(rows)[:, None], np.arange(columns, dtype=np.uint8)
    drawn = uniform(seed, first, row, column)
    assert drawn.shape == (rows, columns)
    assert drawn.dtype == np.float64
    assert drawn[-1, -1] == uniform(seed, first, rows - 1, columns - 1)
    assert np.array_equal(drawn[:, ::2], uniform(seed, first, row, column[::2]))


def test_an_array_without_axes_counts_as_a_number() -> None:
    assert uniform(3, np.array(5), 7) == uniform(3, 5, 7)


def test_keys_are_not_interchangeable() -> None:
    drawn = [uniform(2, 3), uniform(3, 2), uniform(2, 3, 0), uniform(2, 0, 3), uniform(0, 2, 3), uniform(2), uniform(5)]
    assert len(set(drawn)) == len(drawn)


@pytest.mark.parametrize("axis", ["seed", "first key", "last key", "high bits"])
def test_numbers_are_even_whichever_key_counts(axis: str) -> None:
    counter = np.arange(65_536)
    drawn = {
        "seed": lambda: np.array([uniform(seed, 1, 2) for seed in range(16_384)]),
        "first key": lambda: uniform(11, counter, 2),
        "last key": lambda: uniform(11, 2, counter),
        "high bits": lambda: uniform(11, 2, counter << 40),
    }[axis]()
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert chi_square(np.bincount((drawn * 256).astype(int), minlength=256)) < UNEVEN


@pytest.mark.parametrize(
    ("first", "second"), [((1,), (2,)), ((1, 0), (0, 1)), ((7, 1 << 33), (7, 1 << 34)), ((0,), (0, 0))]
)
def test_streams_are_unrelated(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    counter = np.arange(65_536)
    left, right = uniform(11, *first, counter), uniform(11, *second, counter)
    both = (left * 16).astype(int) * 16 + (right * 16).astype(int)
    assert chi_square(np.bincount(both, minlength=256)) < UNEVEN


@pytest.mark.parametrize("seeds", [(0, 1), (1, 2), (1, 1 << 32)])
def test_seeds_are_unrelated(seeds: tuple[int, int]) -> None:
    counter = np.arange(65_536)
    left, right = (uniform(seed, 5, counter) for seed in seeds)
    both = (left * 16).astype(int) * 16 + (right * 16).astype(int)
    assert chi_square(np.bincount(both, minlength=256)) < UNEVEN


def test_neighbouring_keys_are_unrelated() -> None:
    drawn = uniform(11, 5, np.arange(65_537))
    both = (drawn[:-1] * 16).astype(int) * 16 + (drawn[1:] * 16).astype(int)
    assert chi_square(np.bincount(both, minlength=256)) < UNEVEN


def test_every_bit_is_even_and_flips_with_every_bit_of_a_key() -> None:
    keys = np.arange(4_096)
    shifts = np.arange(64, dtype=np.uint64)
    base = bits(11, 5, keys)
    flips = np.stack(
        [((base ^ bits(11, 5, keys ^ (1 << low)))[:, None] >> shifts & np.uint64(1)).mean(0) for low in range(62)]
    )
    assert abs((base[:, None] >> shifts & np.uint64(1)).mean(0) - 0.5).max() < 0.05
    assert abs(flips - 0.5).max() < 0.05  # 6.4 standard deviations


def test_integers_are_even() -> None:
    drawn = integer(11, 3, np.arange(100_003), below=251)
    assert drawn.dtype == np.int64
    assert chi_square(np.bincount(drawn, minlength=251)) < UNEVEN


@given(
    st.integers(0, WORD), st.lists(st.integers(-WORD, WORD), max_size=3), st.integers(0, 1 << 40),
    st.sampled_from([0, 1, 7, PART - 1, PART, PART + 1, 2 * PART + 5]),
)  # fmt: skip
def test_bits_in_a_row_are_those_of_each(seed: int, keys: list[int], start: int, count: int):
    found = np.zeros(count, np.uint64)
    for part, words in bits_in_a_row(seed, *keys, start=start, count=count):
        found[part] = words
    assert (found == bits(seed, *keys, np.arange(start, start + count))).all()
