"""A process that reads windows and dies, as of too little memory: told as a lost process, whoever notices it first."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from genolong.errors import LostProcessError

WORKER = re.compile(r"DataLoader worker \(pid(?:\(s\))? [\d, ]+\) (.*)", re.DOTALL)  # what PyTorch says of it
BROKEN = (ConnectionError, FileNotFoundError, EOFError)  # what is left of the way on which it sent what it read


@contextmanager
def naming_lost_workers() -> Iterator[None]:
    """Within this, LostProcessError is raised where PyTorch finds that such a process has died, at any moment."""
    try:
        yield
    except RuntimeError as error:
        if (found := WORKER.search(str(error))) is None:
            raise
        raise _lost(found[1]) from error


@contextmanager
def naming_broken_ways() -> Iterator[None]:
    """Around taking a batch from another process: LostProcessError where it died while it sent that."""
    try:
        yield
    except BROKEN as error:
        if str(error).startswith("Caught "):  # it lives, and says what it met
            raise
        raise _lost(f"is gone: {error}") from error


def _lost(how: str) -> LostProcessError:
    how = how.partition("\n")[0].rstrip(". ")
    return LostProcessError(
        f"data.workers: a process that reads windows {how} (too little memory, or too little space in /dev/shm?); "
        "run the same command again to continue from the last checkpoint; data.workers=0 reads in this process"
    )
