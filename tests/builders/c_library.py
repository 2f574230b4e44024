"""What the C library is told to do with freed memory, and an environment that does not decide about it."""

import os
from functools import partial

import pytest

from genolong.commands.training import heap


def undecided() -> dict[str, str]:
    """This process's environment without choices about the C library's heap."""
    return {name: text for name, text in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}


def watch_heap(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list that notes "keep" or "return" whenever a training prepares its heap, and nothing else happens."""
    told: list[str] = []
    for name in ("keep_freed_memory", "return_freed_memory"):
        monkeypatch.setattr(heap, name, partial(told.append, name.partition("_")[0]))
    return told
