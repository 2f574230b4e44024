"""Long work tells how far it is to whoever watches: the command line, or nobody; it need not know which."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Advance = Callable[[int], None]  # so much more is done
Follow = Callable[
    [str, int | None], Advance
]  # work begins: what it is, and how much of it there is, where that is known


def _nobody(what: str, total: int | None) -> Advance:
    return lambda more: None


_watching: ContextVar[Follow] = ContextVar("_watching", default=_nobody)


def follow(what: str, total: int | None) -> Advance:
    """To be called when a long piece of work begins, and what it gives whenever a part of it is done."""
    return _watching.get()(what, total)


@contextmanager
def watched_by(watcher: Follow) -> Iterator[None]:
    """Within this, and in this thread, work is told to `watcher`."""
    before = _watching.set(watcher)
    try:
        yield
    finally:
        _watching.reset(before)
