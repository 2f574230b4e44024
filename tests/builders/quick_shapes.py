"""Compares tensors with the types and axes of a signature as jaxtyping does, in a small part of its time."""

from functools import cache
from typing import Any

import torch
from jaxtyping._array_types import _any_dtype, _FixedDim, _MetaAbstractArray, _NamedDim
from jaxtyping._storage import get_shape_memo

jaxtyping_own = _MetaAbstractArray.__instancecheck_str__
Axes = tuple[int | str, ...]


def compare_quickly() -> None:
    """From now on; jaxtyping does the rest: hints of other axes and arrays, and what is wrong with a tensor."""
    setattr(_MetaAbstractArray, jaxtyping_own.__name__, quick_problem)


def quick_problem(hint: Any, array: object) -> str:
    """What is wrong with an array; empty if nothing is. Notes the sizes of axes that are named for the first time."""
    axes = _axes(hint)
    if axes is not None and isinstance(array, torch.Tensor) and _has_type(hint, array.dtype):
        known, *_ = get_shape_memo()
        found = _sizes(axes, array.shape, known)
        if found is not None:
            known.update(found)
            return ""
    return jaxtyping_own(hint, array)


@cache
def _axes(hint: Any) -> Axes | None:
    """The sizes and names of a hint for tensors; None if it has other axes than these."""
    axes = []
    for axis in hint.dims:
        if type(axis) is _NamedDim and not (axis.treepath or axis.broadcastable):
            axes.append(axis.name)
        elif type(axis) is _FixedDim:
            axes.append(axis.size)
        else:
            return None
    return None if hint._skip_instancecheck or hint.array_type is not torch.Tensor else tuple(axes)


@cache
def _has_type(hint: Any, dtype: torch.dtype) -> bool:
    name = str(dtype).removeprefix("torch.")
    return hint.dtypes is _any_dtype or any(
        name == each if isinstance(each, str) else each.match(name) for each in hint.dtypes
    )


def _sizes(axes: Axes, shape: torch.Size, known: dict[str, int]) -> dict[str, int] | None:
    """The sizes of the axes that are not known yet; None if the shape is another."""
    if len(axes) != len(shape):
        return None
    found: dict[str, int] = {}
    for axis, size in zip(axes, shape, strict=True):
        wanted = axis if isinstance(axis, int) else known[axis] if axis in known else found.setdefault(axis, size)
        if wanted != size:
            return None
    return found
