"""Finds the first place where plain values from a file have another type or structure than they should."""

from collections.abc import Mapping
from math import isfinite
from typing import Any


def unlike(found: Any, example: Any, where: str) -> str | None:
    """The first place where `found` lacks a value of `example`, or has one of another type; None: nowhere.

    Mappings may hold more keys; lists must have the example's length. Numbers must be finite; where the example is an
    integer, they must be integers of at least 0.
    """
    if isinstance(example, Mapping):
        if not isinstance(found, dict):
            return said(where, found, "a mapping")
        if missing := [name for name in example if name not in found]:
            return f"{where}: found no {missing[0]}, wanted {_kind(example[missing[0]])}"
        places = ((name, found[name], value) for name, value in example.items())
    elif isinstance(example, list | tuple):
        if not isinstance(found, list | tuple) or len(found) != len(example):
            return said(where, found, f"a list of {len(example)}")
        places = ((at, found[at], value) for at, value in enumerate(example))
    else:
        return None if _alike(found, example) else said(where, found, _kind(example))
    return next((line for name, value, one in places if (line := unlike(value, one, f"{where}.{name}"))), None)


def said(where: str, found: Any, wanted: Any) -> str:
    """A message for people: the place, the value found there, and the value wanted."""
    shown = "null" if found is None else found if isinstance(found, str) else repr(found)
    shown = "".join(letter if letter.isprintable() else " " for letter in shown)
    return f"{where}: found {' '.join(shown.split())[:80]}, wanted {wanted}"


def _alike(found: Any, example: Any) -> bool:
    if type(example) is int:
        return type(found) is int and found >= 0
    if type(example) is float:
        return type(found) in (int, float) and isfinite(found)
    return type(found) is type(example)


def _kind(example: Any) -> str:
    names = {
        int: "a whole number", float: "a number", bool: "true or false", str: "text", dict: "a mapping", list: "a list",
        tuple: "a list",
    }  # fmt: skip
    return names.get(type(example), "null")
