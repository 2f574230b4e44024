"""Triton's kernels run by its interpreter, a program at a time; without its repeated preparations."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import pytest

from genolong.model.attention import triton_attention
from genolong.model.attention.query_classes import Tile


@contextmanager
def interpreted(*, held: int = 16, read: int = 32) -> Iterator[None]:
    """Tiles of so many rows. Without checks of whole numbers for overflow, and one kernel at a time.

    What the interpreter does anew at each call of a function, it does once for each: making the language ready.
    """
    from triton.runtime import interpreter

    prepared, ready, lock = interpreter.InterpretedFunction.__call__, set[Any](), Lock()
    run = interpreter.GridExecutor.__call__

    def call(self: Any, *args: Any, **named: Any) -> Any:
        if self.fn.__module__.startswith("genolong.") or self.fn in ready:
            return self.rewrite()(*args, **named)
        ready.add(self.fn)
        return prepared(self, *args, **named)

    def alone(self: Any, *args: Any, **named: Any) -> None:
        with lock:
            run(self, *args, **named)

    builder = interpreter.interpreter_builder
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpreter.InterpretedFunction, "__call__", call)
        patch.setattr(builder, "options", dataclasses.replace(builder.options, sanitize_overflow=False))
        patch.setattr(interpreter.GridExecutor, "__call__", alone)
        patch.setattr(triton_attention, "tile_of", lambda _width, _number: Tile(held, read))
        yield
