"""Branches grow up to the window, the last one spans it, and cost stays linear."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.errors import SettingsError
from genolong.model.attention.geometry import Branch, growing_branches, keep_needed, pairs_per_token


def test_the_documented_example():
    assert growing_branches(4096, 256, 4, 2) == (Branch(256, 1), Branch(1024, 2), Branch(4096, 4))


@given(st.integers(1, 10**9), st.integers(1, 1000), st.integers(2, 8), st.integers(1, 8))
def test_segments_rise_and_only_the_last_spans_the_window(length, segment, growth, dilation_growth):
    branches = growing_branches(length, segment, growth, dilation_growth)
    assert branches[-1].segment == length
    assert branches[0].dilation == 1
    assert all(a.segment < b.segment for a, b in itertools.pairwise(branches))
    assert [branch.dilation for branch in branches] == [dilation_growth**power for power in range(len(branches))]


@given(st.integers(256, 10**9))
def test_pairs_grow_with_the_logarithm_of_the_window_at_most(length):
    branches = growing_branches(length, 256, 4, 2)
    assert pairs_per_token(branches) <= 256 * len(branches)


def test_a_dilation_that_grows_faster_keeps_the_cost_constant():
    assert pairs_per_token(growing_branches(256 * 4**10, 256, 4, 4)) < 256 * 4 / 3


def test_branches_longer_than_needed_are_left_out():
    given = [Branch(8, 1), Branch(16, 2), Branch(64, 4), Branch(256, 8)]
    assert keep_needed(given, 40) == (Branch(8, 1), Branch(16, 2), Branch(40, 4))


def test_segments_that_never_span_the_window_are_refused():
    with pytest.raises(SettingsError, match=r"longest is 16.*window has 40 bases.*add a segment of 40"):
        keep_needed([Branch(8, 1), Branch(16, 2)], 40)
