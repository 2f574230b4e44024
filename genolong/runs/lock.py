"""A lock on a run's folder, so that one process at a time works in it; it is released when the process ends."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from genolong.errors import BusyError, OutputError
from genolong.genome.files.file_lock import NoLocksError, take

logger = logging.getLogger(__name__)

LOCK = ".lock"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Creates `folder` if needed, and locks it against other processes while the context lasts.

    Raises BusyError if another process holds the lock, OutputError if the folder cannot be created.
    """
    handle = _opened(folder)
    try:
        while _taken(handle, folder) and not _is_there_still(handle, folder):  # a refused run just removed it
            other = _opened(folder)
            os.close(handle)
            handle = other
        yield
    finally:
        os.close(handle)


def lock_removed(folder: Path) -> bool:
    """Removes the lock file that `held` left in the folder; False if another process holds the lock."""
    try:
        handle = os.open(folder / LOCK, os.O_RDWR)
    except FileNotFoundError:
        return True
    try:
        with suppress(NoLocksError):
            if not take(handle):
                return False
        (folder / LOCK).unlink()
        return True
    finally:
        os.close(handle)


def _opened(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be created ({error.strerror}); use another place (run.folder=...)"
        ) from error


def _taken(handle: int, folder: Path) -> bool:
    """Whether the lock is held now (False: no locks here); raises BusyError if another process has it."""
    try:
        alone = take(handle)
    except NoLocksError:
        logger.info("%s: this file system does not support locks; do not start a second run in this folder", folder)
        return False
    if not alone:
        raise BusyError(f"{folder}: another process is working in this folder; wait for it to finish, or use another")
    return True


def _is_there_still(handle: int, folder: Path) -> bool:
    try:
        return os.path.samestat(os.stat(folder / LOCK), os.fstat(handle))
    except FileNotFoundError:
        return False
