"""Counted is what kernels really multiply, and what anyone can count by hand of a small example."""

from functools import partial

import pytest
import torch

from genolong.model.attention.geometry import Branch
from genolong.model.attention.query_classes import Tile
from genolong.model.dilated_attention import dilated_attention
from tests.builders.interpreted import interpreted
from tests.model.test_dilated_attention import with_gradients
from tests.oracles.attention_work import Problem, at_once, one_by_one
from tests.oracles.dilated_attention import multiset

PROBLEM = Problem((Branch(8, 1), Branch(37, 3)), length=37, heads=2, width=16, number=4)


def test_products_are_as_many_as_the_kernels_make(monkeypatch):
    pytest.importorskip("triton")
    from triton.runtime.interpreter import InterpreterBuilder

    products, dot = [], InterpreterBuilder.create_dot
    monkeypatch.setattr(
        InterpreterBuilder, "create_dot", lambda self, *given: products.append(1) or dot(self, *given)
    )  # fmt: skip
    torch.manual_seed(0)
    rows = [torch.randn(1, 37, 2, 16, requires_grad=True) for _ in range(4)]
    with interpreted(held=16, read=32):
        with_gradients(partial(dilated_attention, kernels="triton"), rows, [8, 37], [1, 3])
    counted = [at_once(PROBLEM, Tile(16, 32), backward=backward).operations for backward in (False, True)]
    assert sum(counted) == 2 * 16 * 16 * 32 * len(products)


def test_pairs_are_those_of_the_branches():
    segments, dilations = [8, 37], [1, 3]
    keys = [multiset(37, 2, segments, dilations, head, position) for head in range(2) for position in range(37)]
    assert PROBLEM.pairs == sum(map(len, keys))
    assert one_by_one(PROBLEM, backward=False).operations == 4 * 16 * PROBLEM.pairs
    assert one_by_one(PROBLEM, backward=True).operations == 10 * 16 * PROBLEM.pairs


def test_bytes_of_a_small_example():
    """Two heads of 4 channels of 2 bytes at 8 positions: branches of all 8, and of every second of them."""
    problem = Problem((Branch(8, 1), Branch(8, 2)), length=8, heads=2, width=4, number=2)
    rows, sums = 8 * 2 * 4 * 2, 8 * 2 * 4
    assert at_once(problem, Tile(16, 16), backward=False).least == 4 * rows + sums
    assert at_once(problem, Tile(16, 16), backward=True).least == 13 * rows + 5 * sums
    # either head has two classes of 4 positions: one reads the 8 rows of the first branch, one 4 of the second, too
    read = 2 * (8 + 8 + 4) * 2 * 4 * 2
    assert at_once(problem, Tile(16, 16), backward=False).most == 2 * rows + sums + read
    first = 3 * rows + rows + sums + rows + sums + 2 * rows + sums  # the running output has 4 bytes a number
    second = 6 * rows / 2 + 4 * rows / 2 + sums / 2 + rows / 2 + sums / 2 + 2 * (2 * rows / 2 + sums / 2)
    assert one_by_one(problem, backward=False).least == first + second + 3 * rows
    first = 5 * rows + sums + 3 * rows + 3 * rows + 3 * rows
    second = 10 * rows / 2 + 2 * sums / 2 + 5 * rows / 2 + sums / 2 + 3 * rows / 2 + 9 * rows / 2
    assert one_by_one(problem, backward=True).least == first + second
