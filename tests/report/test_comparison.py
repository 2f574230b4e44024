"""Two results beside each other: equal to the last bit, or the largest difference and where it is."""

from math import inf, nan, nextafter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.report.comparison import Pair, compared

NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


@given(st.lists(NUMBERS, max_size=7))
def test_a_result_is_the_same_as_itself(values: list[float]):
    found = compared(Pair(str(at), value, value) for at, value in enumerate(values))
    assert (found.figures, found.unequal) == (len(values), 0)
    assert found.line == f"all {len(values)} figures are the same to the last bit"


@given(st.lists(st.floats(0.5, 2.0), min_size=2, max_size=7), st.data())
def test_one_last_bit_is_found(values: list[float], data: st.DataObject):
    at = data.draw(st.integers(0, len(values) - 1))
    found = compared(
        Pair(str(number), value, nextafter(value, inf) if number == at else value)
        for number, value in enumerate(values)
    )
    assert (found.unequal, found.where) == (1, str(at))
    assert 0 < found.largest < 3e-16


def test_the_largest_difference_is_a_share_of_the_size():
    found = compared([Pair("a", 1000.0, 1001.0), Pair("b", 0.010, 0.011), Pair("c", 5.0, 5.0)])
    assert found.line == "2 of 3 figures differ, b most, by 0.091 of its size"


@pytest.mark.parametrize(("then", "now"), [(1.0, None), (None, 1.0), (nan, 1.0), (1.0, inf)])
def test_what_only_one_of_them_has_is_beyond_any_size(then, now):
    found = compared([Pair("a", 1.0, 2.0), Pair("b", then, now)])
    assert (found.largest, found.where, found.unequal) == (inf, "b", 2)
    assert found.line == "2 of 2 figures differ: b is a number in one of them only"
