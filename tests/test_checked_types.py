"""Tests run with the types and shapes of signatures checked."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from beartype import beartype
from hypothesis import example, given
from hypothesis import strategies as st
from jaxtyping import Bool, Float, Int, Shaped, TypeCheckError, UInt8
from jaxtyping._storage import get_shape_memo, pop_shape_memo, push_shape_memo
from torch import Tensor

from genolong.model.heads import MaskedBaseHead
from genolong.model.recompute import stretch_positions
from genolong.model.window_reading import other_strand
from tests.builders.checked_types import checked
from tests.builders.quick_shapes import jaxtyping_own, quick_problem

VECTOR, MATRIX = torch.zeros(3), torch.zeros(2, 3)


def product(
    matrix: Float[Tensor, "rows columns"], vector: Float[Tensor, " columns"], wrong: int
) -> Float[Tensor, " rows"]:
    return (matrix @ vector)[wrong:]


@pytest.mark.parametrize(
    "arguments", [(MATRIX, VECTOR[1:], 0), (VECTOR, MATRIX, 0), (MATRIX, VECTOR, 1), (MATRIX, VECTOR, "0")]
)
def test_shapes_of_one_call_belong_together(arguments):
    typed = checked(product, typechecker=beartype)
    assert typed(MATRIX, VECTOR, 0).tolist() == [0, 0]
    assert typed(MATRIX[:, 1:], VECTOR[1:], 0).tolist() == [0, 0], "another call, other shapes"
    with pytest.raises(TypeCheckError):
        typed(*arguments)


ROWS: Any = Float[Tensor, " rows"]
HINTS = [
    Float[Tensor, "rows columns"], Float[Tensor, "columns 3"], Int[Tensor, "rows"], Shaped[Tensor, "rows _ 3"],
    UInt8[Tensor, " columns"], Float[Tensor, "*more columns"], Float[Tensor, "rows+1"], Float[Tensor, "#columns"],
    Float[Tensor, "#3"], Bool[np.ndarray, "rows"], Float[Tensor, ""],
]  # fmt: skip
SIZES = st.lists(st.sampled_from([0, 1, 3, 4]), max_size=3)
TYPES = st.sampled_from([torch.float32, torch.bfloat16, torch.int64, torch.uint8, torch.bool])
ARRAYS = st.builds(lambda sizes, dtype: torch.zeros(sizes, dtype=dtype), SIZES, TYPES) | st.just(np.zeros(3, bool))


@given(st.lists(st.tuples(st.sampled_from(HINTS), ARRAYS), min_size=1, max_size=5))
@example([(HINTS[0], torch.zeros(3, 0)), (HINTS[0], torch.zeros(3, 3))])  # an axis without numbers is known, too
@example([(Float[Tensor, "#columns"], torch.zeros(1))])  # it may have another size elsewhere
def test_arrays_are_compared_quickly_as_by_jaxtyping(call: list[tuple[Any, Any]]):
    told = []
    for problem in (quick_problem, jaxtyping_own):
        push_shape_memo({})
        told.append(([problem(hint, array) for hint, array in [(ROWS, VECTOR), *call]], get_shape_memo()))
        pop_shape_memo()
    assert told[0] == told[1]


def test_functions_within_functions_are_checked_when_first_made():
    def made(typed: Callable) -> Callable:
        def length(letters: str) -> int:
            return len(letters)

        return typed(length, typechecker=beartype)

    with pytest.raises(TypeCheckError):
        made(checked)(3)
    with pytest.raises(TypeError, match="has no len"):
        made(checked)(3)


def test_names_that_are_defined_nowhere_are_taken_for_anything():
    def length(letters: "Letters", most: int) -> int:  # noqa: F821  # pyright: ignore[reportUndefinedVariable]
        return min(len(letters), most)

    typed = checked(length, typechecker=beartype)
    assert typed("ACG", 2) == 2
    with pytest.raises(TypeCheckError):
        typed("ACG", "2")


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        (stretch_positions, (1, 64, 32, b"cpu")),
        (other_strand, (torch.zeros(2, 3),)),
        (MaskedBaseHead(5), (torch.zeros(5),)),
    ],
    ids=["a function", "one of arrays", "a module"],
)
def test_functions_of_genolong_take_what_they_say(call: Any, arguments: tuple[Any, ...]):
    with pytest.raises(TypeCheckError):
        call(*arguments)
