"""Every row and head stands in one class, whose rows take part in the same branches, and its blocks read no less."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.model.attention.query_classes import BranchHere, Tile, query_classes
from tests.oracles.attention_work import reads_of, rows_of
from tests.oracles.dilated_attention import multiset


@st.composite
def problems(draw):
    """Length, heads, branches (begin, end, segment, dilation) and a tile; some segments are held by others."""
    length, heads = draw(st.integers(1, 67)), draw(st.integers(1, 7))
    branches = []
    for segment, dilation in draw(st.lists(st.tuples(st.integers(1, 67), st.integers(1, 9)), min_size=1, max_size=3)):
        segment = min(segment, length)
        begin = draw(st.integers(0, length)) if draw(st.booleans()) else 0
        end = begin + (length - begin) // segment * segment if begin else length
        branches.append(BranchHere(begin, end, segment, dilation))
    return length, heads, tuple(branches), Tile(draw(st.sampled_from([2, 16])), 16)


def members(branch: BranchHere, head: int, heads: int, row: int) -> list[int]:
    """The rows that a branch gives a row, itself among them; none if the row takes no part."""
    begin, end, segment, dilation = branch
    if not begin <= row < end:
        return []
    return [begin + key for key in multiset(end - begin, heads, [segment], [dilation], head, row - begin)]


@given(problems())
def test_classes_are_what_they_should_be(problem):
    length, heads, branches, tile = problem
    found = query_classes(branches, length, 0, heads, heads, tile)
    seen = []
    for number, (head, _, _, count, bits, first_block) in enumerate(found.classes):
        rows = rows_of(found, number)
        assert len(rows) == count and (np.diff(rows) > 0).all()
        seen += [(int(head), int(row)) for row in rows]
        for row in rows:
            takes = [bool(members(branch, int(head), heads, int(row))) for branch in branches]
            assert takes == [bool(bits >> place & 1) for place in range(len(branches))]
        blocks = np.flatnonzero(found.class_of_block == number)
        assert len(blocks) == -(-count // tile.held)
        assert not len(blocks) or (blocks[0], blocks[-1] - blocks[0]) == (first_block, len(blocks) - 1)
    assert sorted(seen) == [(head, row) for head in range(heads) for row in range(length)]


@given(problems())
def test_blocks_read_the_segments_that_they_touch(problem):
    length, heads, branches, tile = problem
    found = query_classes(branches, length, 0, heads, heads, tile)
    for number, branch, reads in reads_of(found):
        head, rows = int(found.classes[number][0]), rows_of(found, number)
        for block, read in enumerate(reads):
            held = [int(row) for row in rows[block * tile.held : (block + 1) * tile.held]]
            wanted = {key for row in held for key in members(branches[branch], head, heads, row)}
            between = [row for row in range(held[0], held[-1] + 1) if members(branches[branch], head, heads, row)]
            wanted |= {key for row in between for key in members(branches[branch], head, heads, row)}
            assert read == len(wanted)


@pytest.mark.parametrize(
    ("segments", "dilations", "period"),
    [([8, 32, 101], [1, 2, 4], 4), ([8, 101], [3, 5], 40), ([101, 101], [6, 4], 12), ([97, 101], [2, 3], 101)],
)
def test_branches_repeat_as_soon_as_they_can(segments, dilations, period):
    branches = tuple(BranchHere(0, 101, *pair) for pair in zip(segments, dilations, strict=True))
    assert query_classes(branches, 101, 0, 2, 2, Tile(16, 16)).period == period


def test_those_that_read_most_come_first():
    branches = (BranchHere(0, 4096, 256, 1), BranchHere(0, 4096, 4096, 2))
    found = query_classes(branches, 4096, 0, 1, 1, Tile(64, 64))
    assert [int(bits) for bits in found.classes[:, 4]] == [3, 1]
