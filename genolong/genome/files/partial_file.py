"""A file that gets its name only when complete; until then it grows as NAME.partial and can be resumed."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from genolong.errors import BusyError, InputError, OutputError
from genolong.genome.files.file_lock import NoLocksError, take

SUFFIX = ".partial"
_DESCRIPTOR = re.compile(r"(?:/dev/fd/|/proc/self/fd/)(\d+)|/dev/(stdout|stderr)")
OTHER_BYTES = "differs on the disk from what was written; write it again"
FAILED_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO)  # no other file name on this disk would help


def umask() -> int:
    """The umask of this process; Python's temporary files ignore it and are private to their owner."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_whole(path: Path, content: bytes) -> None:
    """Write a file atomically: at any moment it is the old or the new one. Raises what PartialFile raises."""
    file = PartialFile(path)
    try:
        file.write(content)
        file.complete()
    except BaseException:
        file.discard()
        raise


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Within this block, errors of the disk that name no file name this one."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def sync_path(path: Path) -> None:
    """Make a file, or the names in a folder, survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with naming(path):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_descriptor(path: str | Path) -> int | None:
    """The descriptor that a path stands for: 1 for -, /dev/stdout and /dev/fd/1; None for an ordinary path."""
    if path == "-":
        return 1
    found = _DESCRIPTOR.fullmatch(str(path))
    return None if found is None else int(found[1] or {"stdout": 1, "stderr": 2}[found[2]])


def refuse_no_file(path: Path) -> None:
    """Raise OutputError if the path exists but is not a regular file: a rename to it would replace it."""
    if open_descriptor(path) is not None or (os.path.exists(path) and not os.path.isfile(path)):
        what = "a folder" if os.path.isdir(path) else "a device or a pipe"
        raise OutputError(f"{path}: is {what}; wanted a file to write; name one")


class Stream:
    """An open descriptor to write to; an OSError carries its name, and bytes already written stay in the file."""

    def __init__(self, descriptor: int, name: str, size: int = 0) -> None:
        self._descriptor: int | None = descriptor
        self.name = name
        self.size = size  # bytes

    def write(self, data: bytes) -> None:
        """Write all of the bytes, or raise an OSError."""
        rest = memoryview(data)
        with self._named() as descriptor:
            while rest:
                written = os.write(descriptor, rest)
                self.size += written
                rest = rest[written:]

    def sync(self) -> None:
        """Make the bytes survive a loss of power (a stream cannot)."""

    def complete(self) -> None:
        """Finish; nothing more is written."""
        self.close()

    def discard(self) -> None:
        """Close; what was written to a pipe or device cannot be taken back."""
        self.close()

    def close(self) -> None:
        """Close the descriptor; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    @contextmanager
    def _named(self) -> Iterator[int]:
        assert self._descriptor is not None, f"{self.name} is closed"
        with naming(self.name):
            yield self._descriptor


class PartialFile(Stream):
    """`path`.partial, renamed to `path` when complete; `resume_at` keeps that many bytes of an existing partial file.

    Only one process can write it at a time, and a link stays a link. Raises OutputError if it cannot be created,
    InputError if there is nothing to resume, and BusyError if another process is writing it (whose file stays intact).
    """

    def __init__(self, path: Path, resume_at: int | None = None) -> None:
        refuse_no_file(path)
        self._final = Path(os.path.realpath(path))
        self._partial = self._final.with_name(self._final.name + SUFFIX)
        descriptor = self._create() if resume_at is None else self._reopen(resume_at)
        super().__init__(descriptor, str(self._partial), resume_at or 0)

    def sync(self) -> None:
        with self._named() as descriptor:
            os.fsync(descriptor)

    def ends_with(self, end: bytes) -> bool:
        """Whether the file on the disk has as many bytes as were written, and ends with `end`."""
        return self.read(len(end) + 1, self.size - len(end)) == end

    def read(self, count: int, at: int) -> bytes:
        """Up to `count` bytes from `at` on; uses our descriptor, because closing another one would release the lock."""
        with self._named() as descriptor:
            return os.pread(descriptor, count, at)

    def complete(self) -> None:
        """Sync the bytes, rename the file, and sync the folder: at any moment there is the old or the new file."""
        self.sync()
        os.replace(self._partial, self._final)  # before the lock is released
        self.close()
        sync_path(self._final.parent)

    def discard(self) -> None:
        """Remove the partial file; an older file at `path` stays."""
        if self._descriptor is not None:  # after close, the partial file may belong to another process
            self._partial.unlink(missing_ok=True)
        self.close()

    def _create(self) -> int:
        try:
            descriptor = self._open_alone(os.O_CREAT)
            with naming(self._partial):
                os.ftruncate(descriptor, 0)
            return descriptor
        except OSError as error:
            if error.errno in FAILED_DISK:
                raise
            if isinstance(error, FileNotFoundError) and not self._final.parent.is_dir():
                raise OutputError(
                    f"{self._final}: there is no folder {self._final.parent}; wanted one to write to; make it first"
                ) from error
            raise OutputError(
                f"{self._partial} cannot be created ({error.strerror}); wanted a folder that can be written to; "
                "name another place"
            ) from error

    def _open_alone(self, flags: int) -> int:
        """Open the partial file and take its lock."""
        while True:
            descriptor = os.open(self._partial, os.O_RDWR | flags, 0o666)
            try:
                alone = take(descriptor)
            except NoLocksError:
                return descriptor
            if not alone:
                os.close(descriptor)
                raise BusyError(
                    f"{self._partial}: another process is writing this file; wait for its end, or name another file"
                )
            if self._is_there_still(descriptor):
                return descriptor
            os.close(descriptor)  # another process has just renamed or removed it

    def _is_there_still(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.stat(self._partial), os.fstat(descriptor))
        except FileNotFoundError:
            return False

    def _reopen(self, size: int) -> int:
        try:
            descriptor = self._open_alone(0)
        except FileNotFoundError as error:
            raise InputError(f"{self._partial} does not exist; wanted one to resume; start again") from error
        except OSError as error:
            raise OutputError(f"{self._partial} cannot be written to ({error.strerror}); start again") from error
        found = os.fstat(descriptor).st_size
        if found < size:
            os.close(descriptor)
            raise InputError(f"{self._partial} holds {found:,} bytes; wanted {size:,} or more to resume; start again")
        os.ftruncate(descriptor, size)
        os.lseek(descriptor, size, os.SEEK_SET)
        return descriptor
