"""Numbers by chance: what they are spread over, and that a seed is all they depend on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.genome.synthetic.chance import Chance

seeds = st.integers(0, 2**63)


@given(seed=seeds)
def test_a_seed_is_all_it_takes(seed):
    np.testing.assert_array_equal(Chance(seed).uniform(7, 3), Chance(seed).uniform(7, 3))
    assert (Chance(seed).uniform(13) != Chance(seed + 1).uniform(13)).any()


def test_uniform_numbers_are_those_of_the_raw_words():
    words = np.random.PCG64(5).random_raw(11)
    numbers = Chance(5).uniform(11)
    assert [int(number * 2**53) for number in numbers] == [int(word) >> 11 for word in words]


@given(seed=seeds, low=st.integers(-5, 5), size=st.integers(1, 7))
def test_integers_stay_within_their_bounds(seed, low, size):
    drawn = Chance(seed).integers(low, low + size, 101)
    assert ((drawn >= low) & (drawn < low + size)).all()


def test_integers_are_equally_frequent():
    counts = np.bincount(Chance(3).integers(2, 9, 70_001), minlength=10)
    assert counts[:2].sum() == counts[9:].sum() == 0
    np.testing.assert_allclose(counts[2:9], 10_000, rtol=0.05)


@pytest.mark.parametrize("rate", [0.9, 0.1, 1 / 331])
def test_waits_are_geometric(rate):
    waits = Chance(3).waits(rate, 50_021)
    assert waits.min() == 1
    assert waits.mean() == pytest.approx(1 / rate, rel=0.02)
    assert (waits == 1).mean() == pytest.approx(rate, abs=0.01)


@given(seed=seeds, count=st.integers(0, 13))
def test_an_order_holds_everything_once(seed, count):
    assert sorted(Chance(seed).order(count)) == list(range(count))
