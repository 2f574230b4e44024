"""Tests run with the types and shapes of signatures checked."""

from typing import Any

import pytest
import torch
from beartype import beartype
from jaxtyping import Float, TypeCheckError
from torch import Tensor

from genolong.model.heads import MaskedBaseHead
from genolong.model.recompute import stretch_positions
from genolong.model.window_reading import other_strand
from tests.builders.checked_types import checked

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
