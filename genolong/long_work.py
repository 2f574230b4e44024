"""Progress of long work, reported to whatever displays it; the work itself does not know what that is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Advance = Callable[[int], None]  # called with the amount of work just done
Follow = Callable[[str, int | None], Advance]  # called when work begins, with its name and its amount, if known


def _nobody(what: str, total: int | None) -> Advance:
    return lambda more: None


_watching: ContextVar[Follow] = ContextVar("_watching", default=_nobody)


def follow(what: str, total: int | None) -> Advance:
    """Announces long work; call the result with the amount done after each part."""
    return _watching.get()(what, total)


@contextmanager
def watched_by(watcher: Follow) -> Iterator[None]:
    """While the context lasts, reports work in this thread to `watcher`."""
    before = _watching.set(watcher)
    try:
        yield
    finally:
        _watching.reset(before)
