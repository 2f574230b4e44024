"""Keeps freed memory for what comes next, because the operating system zeroes all that it hands out."""

import ctypes
import os
from collections.abc import Sequence

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h in glibc
KEPT = 128 << 20  # bytes; larger tensors are returned at once
KEPT_ANYWAY = 32 << 20  # the most that glibc keeps on its own; older versions accept no more
FREE = 512 << 20  # bytes at the end of the heap; more than that is returned


def keep_freed_memory() -> None:
    """Lets glibc keep what this process frees; other C libraries are left as they are, and so is what a user has set.

    On its own it returns tensors above 32 MiB at once, and smaller ones whenever they are the last of its heap.
    """
    _set_thresholds((KEPT, KEPT_ANYWAY), FREE)


def return_freed_memory() -> None:
    """Lets glibc return what this process frees, as it does on its own, after a run that let it keep memory."""
    _set_thresholds((KEPT_ANYWAY,), 2 * KEPT_ANYWAY)


def _set_thresholds(kept: Sequence[int], free: int) -> None:
    """Sets the first size of `kept` that the library accepts, and how much may be free at the end of the heap."""
    if "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "") or any(name.startswith("MALLOC_") for name in os.environ):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt and any(mallopt(M_MMAP_THRESHOLD, size) for size in kept):
        mallopt(M_TRIM_THRESHOLD, free)
