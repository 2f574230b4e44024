"""Checks the types and shapes that genolong's signatures state, whenever one of its functions is called."""

from collections.abc import Callable
from functools import partial, wraps
from types import CodeType, FunctionType
from typing import Any

import jaxtyping
from beartype import BeartypeConf, beartype
from jaxtyping import TypeCheckError, _decorator, install_import_hook, jaxtyped

from tests.builders.quick_shapes import compare_quickly

TYPED = beartype(conf=BeartypeConf(violation_type=TypeCheckError))  # a TypeError, as elsewhere in Python
MADE_BEFORE = set[CodeType]()  # functions within functions


def check_types() -> None:
    """From now on, in modules that are yet to be imported.

    jaxtyping's decorator takes longer than most functions that it decorates: it binds arguments, checks them twice, and
    does so where there is no array. Here beartype checks each once, and jaxtyping compares the shapes of one call.
    """
    jaxtyping.jaxtyped = _decorator.jaxtyped = checked
    compare_quickly()
    install_import_hook("genolong", "beartype.beartype")


def checked(fn: Any = None, *, typechecker: Callable) -> Any:
    if fn is None:
        return partial(checked, typechecker=typechecker)
    if not isinstance(fn, FunctionType):
        return jaxtyped(fn, typechecker=typechecker)
    if "<locals>" in fn.__qualname__:  # made anew in each call around it: to decorate it takes longer than most of them
        if fn.__code__ in MADE_BEFORE:
            return fn
        MADE_BEFORE.add(fn.__code__)
    return _checked(fn)


def _checked(fn: FunctionType) -> Callable:
    if any(isinstance(hint, str) for hint in fn.__annotations__.values()):
        return _checked_later(fn)
    typed = TYPED(fn)
    if not any("jaxtyping" in repr(each) for each in fn.__annotations__.values()):
        return typed

    @wraps(fn)
    def with_shapes(*args: Any, **kwargs: Any) -> Any:
        with jaxtyped("context"):
            return typed(*args, **kwargs)

    return with_shapes


def _checked_later(fn: FunctionType) -> Callable:
    """Checked from its first call on, when the names in quoted hints are defined; others stand for anything."""
    typed: Callable | None = None

    @wraps(fn)
    def with_names(*args: Any, **kwargs: Any) -> Any:
        nonlocal typed
        if typed is None:
            fn.__annotations__ = {name: _meant(hint, fn.__globals__) for name, hint in fn.__annotations__.items()}
            typed = _checked(fn)
        return typed(*args, **kwargs)

    return with_names


def _meant(hint: Any, names: dict[str, Any]) -> Any:
    """A hint, evaluated if it is quoted."""
    try:
        return eval(hint, names) if isinstance(hint, str) else hint
    except NameError:
        return Any
