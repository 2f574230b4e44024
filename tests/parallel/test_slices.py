"""Slices of a sequence and the segments that several of them share, compared with counting positions one by one."""

from itertools import pairwise
from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.parallel.slices import longest, shared_segments, slice_bounds


@given(st.integers(1, 1 << 31), st.integers(1, 97))
def test_slices_are_nearly_equal_and_start_where_segments_do(length: int, processes: int):
    bounds = slice_bounds(length, processes)
    assert (bounds[0], bounds[-1], len(bounds)) == (0, length, processes + 1)
    sizes = [end - begin for begin, end in pairwise(bounds)]
    assert longest(bounds) == max(sizes)
    share = length / processes
    assert all(abs(size - share) <= max(1, share / 32) for size in sizes)
    grain = 1 << max(0, int(log2(max(1, length // processes))) - 5)
    assert all(bound % grain == 0 for bound in bounds[:-1])


def test_the_slices_of_a_million_bases():
    assert slice_bounds(1_048_576, 8) == tuple(range(0, 1_048_577, 131_072))
    assert slice_bounds(1_000_000, 3) == (0, 335_872, 663_552, 1_000_000)
    assert slice_bounds(2, 3) == (0, 1, 1, 2)


@given(st.lists(st.integers(0, 61), max_size=7), st.integers(1, 61), st.integers(1, 67), st.integers(1, 11))
def test_shared_segments_are_those_that_several_processes_hold(
    inner: list[int], length: int, segment: int, dilation: int
):
    bounds = (0, *sorted(min(bound, length) for bound in inner), length)
    holder = [max(process for process, bound in enumerate(bounds[:-1]) if bound <= at) for at in range(length)]
    wanted = []
    for start in range(0, length, segment):
        holders = holder[start : start + segment]
        if holders[0] != holders[-1]:
            held = [holders.count(process) for process in range(holders[0], holders[-1] + 1)]
            most = max(ceil(each / dilation) for each in held)
            wanted.append((start, start + len(holders), holders[0], holders[-1], len(held), held, most))
    found = []
    for each in shared_segments(bounds, segment):
        pieces = [each.piece(bounds, process) for process in range(each.first, each.last + 1)]
        held = [end - begin for begin, end in pieces]
        found.append((*each, each.processes, held, each.rows(bounds, dilation)))
    assert found == wanted


@pytest.mark.parametrize("segment", [1, 7, 8])
def test_one_process_shares_nothing(segment: int):
    assert shared_segments((0, 7), segment) == ()
