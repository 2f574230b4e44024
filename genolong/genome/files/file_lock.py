"""A lock on an open file: only one process can hold it, and it is released when that process ends."""

import errno
import fcntl
import os

_UNKNOWN_HERE = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


class NoLocksError(Exception):
    """The file system does not support locks."""


def take(descriptor: int) -> bool:
    """Take the lock until this process closes the file or ends; False if another process holds it.

    Raises NoLocksError, and OSError for other errors.
    """
    try:
        # not flock: after a kill -9, window-reading child processes would hold its lock for some seconds
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        if error.errno in _UNKNOWN_HERE:
            raise NoLocksError(os.strerror(error.errno)) from error
        raise
    return True
