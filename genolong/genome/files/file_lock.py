"""A lock on an open file: one process has it, and it vanishes with that process."""

import errno
import fcntl
import os

_UNKNOWN_HERE = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


class NoLocksError(Exception):
    """The file system knows no locks."""


def take(descriptor: int) -> bool:
    """Whether this process has the lock now, until it closes the file or ends; False where another one has it.

    Raises NoLocksError, and OSError for whatever else is wrong.
    """
    try:
        # lockf, not flock, whose lock processes that read windows would keep for some seconds after a kill -9
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        if error.errno in _UNKNOWN_HERE:
            raise NoLocksError(os.strerror(error.errno)) from error
        raise
    return True
