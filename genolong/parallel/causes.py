"""Watches the child processes for the first process, and finds which of several failures caused the others."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import NamedTuple

import torch.distributed as dist

from genolong.errors import LostProcessError
from genolong.parallel.child import LastWord, silence_of
from genolong.parallel.place import Place

ENDS_S = 10.0  # time for a process to end after its work is done


class Cause(NamedTuple):
    """A failure and its time; `follows` marks a broken connection, which is usually the result of another failure."""

    follows: bool
    at: float
    error: Exception


def first_cause(causes: Iterable[Cause]) -> Cause | None:
    """The failure to report: the earliest one that does not follow from another, else the earliest of all."""
    return min(causes, key=lambda cause: cause[:2], default=None)


def breaks_connection(error: BaseException) -> bool:
    """Whether an error is one that the libraries raise when a process can no longer reach another one."""
    return isinstance(error, dist.DistError) or (isinstance(error, RuntimeError) and "gloo/" in str(error))


@contextmanager
def naming_the_lost(place: Place) -> Iterator[None]:
    """Within this block, raise LostProcessError if another process, started by torchrun or SLURM, is gone."""
    try:
        yield
    except RuntimeError as error:
        if not breaks_connection(error):
            raise
        raise LostProcessError(
            f"process {place.rank} of {place.size}: another one is gone; see its message, and try again ({error})"
        ) from error


class KnownChild:
    """A child process, as seen by the first process."""

    def __init__(self, place: Place, process: SpawnProcess, voice: Connection) -> None:
        self.rank, self._place, self._process, self._voice = place.rank, place, process, voice
        self._word: LastWord | None = None
        self._ended: int | None = None

    def look(self) -> None:
        """Check for its final message and whether it has ended; kill it if it does not end after its message."""
        self._ended = self._process.exitcode  # read before the message, which a process sends before it ends
        if self._word is None:
            self._word = self._heard()
        if self._word is not None and time.monotonic() - self._word.at > ENDS_S:
            self.kill()

    @property
    def done(self) -> bool:
        """Whether it finished its work without an error and has ended."""
        return self._ended is not None and self._word is not None and self._word.error is None

    def cause(self, silent_s: float, patience_s: int) -> Cause | None:
        """The failure of this process that ends the work, if any."""
        rank, size = self.rank, self._place.size
        if self._word is not None:
            error = self._word.error
            return None if error is None else Cause(breaks_connection(error), self._word.at, error)
        if self._ended is None:
            return Cause(False, 0, silence_of(rank, size, patience_s)) if silent_s > patience_s else None
        how = f"was killed by signal {-self._ended}" if self._ended < 0 else f"ended with exit code {self._ended}"
        hint = " (too little memory?)" if self._ended == -9 else ""
        return Cause(False, 0, LostProcessError(f"process {rank} of {size} {how}{hint}; all others were stopped, too"))

    def _heard(self) -> LastWord | None:
        try:
            return self._voice.recv() if self._voice.poll() else None
        except (EOFError, OSError):  # it ended without a message
            return None
        except Exception as error:  # unpickling may raise anything, for example if only the child knows the class
            return LastWord(
                RuntimeError(f"process {self.rank} raised an error that cannot be read here: {error}"), time.monotonic()
            )

    def kill(self) -> None:
        """Kill the process at once, even if it is suspended."""
        self._process.kill()

    def close(self) -> None:
        """Wait for its end."""
        self._process.join()
        self._process.close()
        self._voice.close()
