"""Reports a data worker that died, for example of too little memory, as LostProcessError."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from genolong.errors import LostProcessError

WORKER = re.compile(r"DataLoader worker \(pid(?:\(s\))? [\d, ]+\) (.*)", re.DOTALL)  # PyTorch's error message
BROKEN = (ConnectionError, FileNotFoundError, EOFError)  # errors on the connection to a dead worker


@contextmanager
def naming_lost_workers() -> Iterator[None]:
    """Raise LostProcessError if PyTorch finds, at any time within this block, that a data worker has died."""
    try:
        yield
    except RuntimeError as error:
        if (found := WORKER.search(str(error))) is None:
            raise
        raise _lost(found[1]) from error


@contextmanager
def naming_broken_ways() -> Iterator[None]:
    """For taking a batch from a worker: raise LostProcessError if the worker died while sending it."""
    try:
        yield
    except BROKEN as error:
        if str(error).startswith("Caught "):  # the worker is alive and reports its own error
            raise
        raise _lost(f"is gone: {error}") from error


def _lost(how: str) -> LostProcessError:
    how = how.partition("\n")[0].rstrip(". ")
    return LostProcessError(
        f"data.workers: a process that reads windows {how} (too little memory, or too little space in /dev/shm?); "
        "run the same command again to continue from the last checkpoint; data.workers=0 reads in this process"
    )
