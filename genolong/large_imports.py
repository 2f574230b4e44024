"""Imports a command and its libraries without searching their objects for garbage, now or later."""

import gc
import sys
from importlib import import_module


def import_uncollected(module: str) -> None:
    """Import a module, unless that has been done, with the garbage collector off; it will ignore all objects there are.

    PyTorch and Lightning make 400,000 objects that stay. Searching them again and again takes a fifth of their import,
    and a fifth of a second whenever all objects are searched.
    """
    if module in sys.modules:  # what earlier runs of a sweep left must not stay
        return
    collects = gc.isenabled()
    gc.disable()
    try:
        import_module(module)
    finally:
        gc.freeze()
        if collects:
            gc.enable()
