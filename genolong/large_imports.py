"""Imports large libraries without searching their objects for garbage, now or later."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module


def import_uncollected(module: str) -> None:
    """Import a module, unless that has been done, as in `uncollected`."""
    if module not in sys.modules:  # what earlier runs of a sweep left must not stay
        with uncollected():
            import_module(module)


@contextmanager
def uncollected() -> Iterator[None]:
    """Within this block the garbage collector is off; afterwards it ignores all objects there are.

    PyTorch and Lightning make 400,000 objects that stay. Searching them again and again takes a fifth of their import,
    and a fifth of a second whenever all objects are searched; at the end of a process, most of a second.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collects:
            gc.enable()
