"""Checks the types and shapes that genolong's signatures state, whenever one of its functions is called."""

from collections.abc import Callable
from functools import partial, wraps
from types import FunctionType
from typing import Any

import jaxtyping
from beartype import BeartypeConf, beartype
from jaxtyping import TypeCheckError, _decorator, install_import_hook, jaxtyped

TYPED = beartype(conf=BeartypeConf(violation_type=TypeCheckError))  # a TypeError, as elsewhere in Python


def check_types() -> None:
    """From now on, in modules that are yet to be imported.

    jaxtyping's decorator takes longer than most functions that it decorates: it binds arguments, checks them twice, and
    does so where there is no array. Here beartype checks each once, and jaxtyping compares the shapes of one call.
    """
    jaxtyping.jaxtyped = _decorator.jaxtyped = checked
    install_import_hook("genolong", "beartype.beartype")


def checked(fn: Any = None, *, typechecker: Callable) -> Any:
    if fn is None:
        return partial(checked, typechecker=typechecker)
    if not isinstance(fn, FunctionType) or any(isinstance(each, str) for each in fn.__annotations__.values()):
        return jaxtyped(fn, typechecker=typechecker)  # which knows what to do with names that are defined later
    typed = TYPED(fn)
    if not any("jaxtyping" in repr(each) for each in fn.__annotations__.values()):
        return typed

    @wraps(fn)
    def with_shapes(*args: Any, **kwargs: Any) -> Any:
        with jaxtyped("context"):
            return typed(*args, **kwargs)

    return with_shapes
