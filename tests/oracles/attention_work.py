"""Counts attention's operations and memory traffic, for all branches at once or branch by branch."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from genolong.model.attention.geometry import Branch
from genolong.model.attention.query_classes import BranchHere, QueryClasses, Tile, query_classes
from genolong.model.costs.flops import attention_pairs

SUM = 4  # bytes of a log-sum-exp or of any other number per row and head


class Work(NamedTuple):
    """Operations (a multiplication with its addition counts as two), and bytes to and from memory.

    `least` counts each number that a kernel needs once, as if a cache held everything that its programs share; `most`,
    if counted, is for programs that share nothing.
    """

    operations: int
    least: int
    most: int | None


class Problem(NamedTuple):
    """One sequence: branches, length, heads, channels per head, and bytes per number."""

    branches: tuple[Branch, ...]
    length: int
    heads: int
    width: int
    number: int

    @property
    def rows(self) -> int:
        """Bytes of a row for all positions and heads, such as the queries or the output."""
        return self.length * self.heads * self.width * self.number

    @property
    def sums(self) -> int:
        """Bytes of one number for each position and head."""
        return self.length * self.heads * SUM

    @property
    def pairs(self) -> int:
        """Query-key pairs of all branches and heads."""
        return sum(attention_pairs((0, self.length), 0, branch, self.heads) for branch in self.branches)

    def classes(self, tile: Tile, *branches: Branch) -> QueryClasses:
        """The query classes for some branches, or for all."""
        here = tuple(BranchHere(0, self.length, min(w, self.length), r) for w, r in branches or self.branches)
        return query_classes(here, self.length, 0, self.heads, self.heads, tile)


def rows_of(classes: QueryClasses, number: int) -> Int64[np.ndarray, " rows"]:
    """The rows of a class, in ascending order."""
    _, first, count, rows, _, _ = classes.classes[number]
    at = np.arange(rows, dtype=np.int64)
    return at // count * classes.period + classes.residues[first + at % count]


def reads_of(classes: QueryClasses) -> Iterator[tuple[int, int, Int64[np.ndarray, " blocks"]]]:
    """(class, branch, rows that each block of the class reads), for every class and branch it belongs to."""
    for number, (head, _, _, _, bits, _) in enumerate(classes.classes):
        rows = rows_of(classes, number)
        begins = np.arange(0, len(rows), classes.tile.held)
        first, last = rows[begins], rows[np.minimum(begins + classes.tile.held, len(rows)) - 1]
        for branch, (begin, _, segment, _, each, every) in enumerate(classes.branches[head].astype(np.int64)):
            if bits >> branch & 1:
                start, end = (first - begin) // segment * each, ((last - begin) // segment + 1) * each
                yield number, branch, np.minimum(end, every) - start


def at_once(problem: Problem, tile: Tile, *, backward: bool) -> Work:
    """All branches in one kernel forward, two backward; products are of whole tiles, masked parts included."""
    reads = [count for _, _, count in reads_of(problem.classes(tile))]
    product = 2 * problem.width * tile.held * tile.read * sum(int((-(-count // tile.read)).sum()) for count in reads)
    read = sum(int(count.sum()) for count in reads)
    pair = 2 * problem.width * problem.number * read  # keys and values, or queries and gradients
    rows, sums = problem.rows, problem.sums
    if not backward:  # queries, the output and its denominators; keys and values
        return Work(2 * product, 4 * rows + sums, 2 * rows + sums + pair)
    before = 2 * rows + sums  # sums of gradient * output
    of_queries, of_keys = 3 * rows + 2 * sums, 4 * rows  # what a program holds, and the gradients of it
    least = before + of_queries + 2 * rows + of_keys + 2 * rows + 2 * sums
    return Work(7 * product, least, before + of_queries + pair + of_keys + pair + 2 * SUM * read)


def one_by_one(problem: Problem, *, backward: bool) -> Work:
    """Branch by branch: gather a dilated branch's rows, attend in a kernel, and merge into running sums.

    The running output is float32; gradients are added in place. A backward kernel computes five products.
    """
    products, all_wide = 2 * problem.width * problem.pairs, 4 * problem.rows // problem.number
    moved = 0 if backward else all_wide + problem.rows  # the running output, rounded at the end
    for place, branch in enumerate(problem.branches):
        held = int(problem.classes(Tile(16, 16), branch).branches[:, 0, 5].sum())  # positions of heads
        rows, wide, sums = (held * size for size in (problem.width * problem.number, 4 * problem.width, SUM))
        into = 1 if place == 0 else 2  # written, or read and written
        copied = 0 if branch.dilation == 1 else 2  # read and written
        if backward:
            moved += copied * (5 * rows + sums) + 8 * rows + sums + 3 * rows + into * 3 * rows
        else:
            moved += copied * 3 * rows + 4 * rows + sums + rows + sums + into * (wide + sums)
    return Work((5 if backward else 2) * products, moved, None)
