"""Keeps freed memory for the next windows, because the operating system zeroes all that it hands out."""

import ctypes
import os

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h in glibc
KEPT = 128 << 20  # bytes; larger tensors are returned at once
KEPT_BY_OLDER = 32 << 20  # the most that older versions of glibc accept
FREE = 512 << 20  # bytes at the end of the heap; more than that is returned


def keep_freed_memory() -> None:
    """Lets glibc keep what this process frees; other C libraries are left as they are, and so is what a user has set.

    By default it returns tensors above 32 MiB at once, and smaller ones whenever they are the last of its heap.
    """
    if "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "") or any(name.startswith("MALLOC_") for name in os.environ):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt and any(mallopt(M_MMAP_THRESHOLD, size) for size in (KEPT, KEPT_BY_OLDER)):
        mallopt(M_TRIM_THRESHOLD, FREE)
