"""Classes of positions of a head that belong to the same branches; a fused kernel's program takes one class."""

from collections.abc import Sequence
from functools import lru_cache
from math import lcm
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, Int64

from genolong.model.attention.blocks import head_offset

MOST_BRANCHES = 31  # the bits that store which branches a class belongs to


class BranchHere(NamedTuple):
    """A branch, and the range of rows begin ... end - 1 of its segments that this process holds completely."""

    begin: int
    end: int
    segment: int
    dilation: int


class Tile(NamedTuple):
    """The rows that a program holds, and those that it reads at once; powers of 2, at least 16."""

    held: int
    read: int


class QueryClasses(NamedTuple):
    """Every row and head once, grouped so that neighbours belong to the same branches.

    With LongNet's geometry the branches of a row repeat with the longest dilation (`period`): a class is a set of
    residues modulo the period. For 16 rows, dilations 1, 2, 4, all at offset 0:

        row      0 1 2 3 4 5 6 7 8 9 . . . . . 15
        class    c a b a c a b a c a b a c a b a        a: branch 0 only; b: 0 and 1; c: 0, 1 and 2

    The rows of a class are cut into blocks of `tile.held`. If segments are not multiples of their dilations, or a
    process holds some segments only in part, the period is longer, at most the length.

    `classes` holds for each class: head, index of its first residue in `residues`, number of residues, number of rows,
    branches as bits, and number of its first block. `branches` holds for each head and branch: begin, the head's
    offset, segment, dilation, rows in a full segment (`each`), rows in all segments. Row i of the branch is row
    i % each of segment i // each.
    """

    tile: Tile
    period: int
    residues: Int32[np.ndarray, " residues"]
    classes: Int32[np.ndarray, "classes 6"]
    class_of_block: Int32[np.ndarray, " blocks"]
    branches: Int32[np.ndarray, "heads branches 6"]


@lru_cache(maxsize=16)
def query_classes(
    branches: tuple[BranchHere, ...], length: int, first_head: int, heads: int, all_heads: int, tile: Tile
) -> QueryClasses:
    """The classes of `heads` heads from `first_head` on, of `all_heads`; those that read most rows come first."""
    period = _period(branches, length)
    specs = [[_spec(branch, first_head + head, all_heads) for branch in branches] for head in range(heads)]
    found: list[tuple[int, int, int, np.ndarray]] = []
    for head in range(heads):
        bits = _bits(np.arange(period), branches, specs[head])
        for some in np.unique(bits):
            reads = sum(spec[4] for number, spec in enumerate(specs[head]) if some >> number & 1)
            found.append((reads, head, int(some), np.flatnonzero(bits == some)))
    found.sort(key=lambda one: -one[0])
    classes, residues, first_block = [], 0, 0
    for _, head, bits, own in found:
        rows = length // period * len(own) + int(np.searchsorted(own, length % period))
        classes.append((head, residues, len(own), rows, bits, first_block))
        residues, first_block = residues + len(own), first_block - (-rows // tile.held)
    blocks = [-(-rows // tile.held) for _, _, _, rows, _, _ in classes]
    return QueryClasses(
        tile,
        period,
        np.concatenate([own for *_, own in found]).astype(np.int32),
        np.array(classes, dtype=np.int32),
        np.repeat(np.arange(len(classes), dtype=np.int32), blocks),
        np.array(specs, dtype=np.int32).reshape(heads, len(branches), 6),
    )


def _bits(at: Int64[np.ndarray, " rows"], branches: Sequence[BranchHere], specs: Sequence[list[int]]) -> np.ndarray:
    """The branches that each row of a head belongs to, as bits."""
    bits = np.zeros(len(at), dtype=np.int64)
    for number, (branch, (_, offset, *_)) in enumerate(zip(branches, specs, strict=True)):
        within = (at - branch.begin) % branch.segment - offset
        takes = (at >= branch.begin) & (at < branch.end) & (within >= 0) & (within % branch.dilation == 0)
        bits |= takes.astype(np.int64) << number
    return bits


def _spec(branch: BranchHere, head: int, all_heads: int) -> list[int]:
    """The entry of `QueryClasses.branches` for a head and branch."""
    begin, end, segment, dilation = branch
    offset, length = head_offset(head, dilation, all_heads), max(0, end - begin)
    each, rest = (max(0, -((offset - size) // dilation)) for size in (segment, length % segment))
    return [begin, offset, segment, dilation, max(1, each), length // segment * each + rest]


def _period(branches: Sequence[BranchHere], length: int) -> int:
    """The number of rows after which the branches of a row repeat."""
    period = 1
    for begin, end, segment, dilation in branches:
        if begin < end:
            if (begin, end) != (0, length):
                return length
            period = lcm(period, dilation if segment >= length or segment % dilation == 0 else segment)
    return min(period, length)
