"""A file that gets its name only when it is whole; until then it grows beside its place, and can be resumed."""

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
FAILED_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO)  # no other name or place on it would help


def umask() -> int:
    """What a new file of this process lets nobody do; temporary files of Python's are for their owner only."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_whole(path: Path, content: bytes) -> None:
    """A file of that content: the old one or the new one, at any moment. Raises what PartialFile raises."""
    file = PartialFile(path)
    try:
        file.write(content)
        file.complete()
    except BaseException:
        file.discard()
        raise


def open_descriptor(path: str | Path) -> int | None:
    """The number of the open file that a path means: 1 of -, /dev/stdout and /dev/fd/1; None of a name."""
    if path == "-":
        return 1
    found = _DESCRIPTOR.fullmatch(str(path))
    return None if found is None else int(found[1] or {"stdout": 1, "stderr": 2}[found[2]])


def refuse_no_file(path: Path) -> None:
    """Raises OutputError for what is there and is no file: a name for a new one would replace it."""
    if open_descriptor(path) is not None or (os.path.exists(path) and not os.path.isfile(path)):
        what = "a folder" if os.path.isdir(path) else "no file, but a device or a pipe"
        raise OutputError(f"{path}: is {what}; wanted a file to write; name one")


class Stream:
    """An open descriptor that bytes go to; an OSError names it, and the file it belongs to keeps what it has got."""

    def __init__(self, descriptor: int, name: str, size: int = 0) -> None:
        self._descriptor: int | None = descriptor
        self.name = name
        self.size = size  # bytes

    def write(self, data: bytes) -> None:
        """All of the bytes, or an OSError."""
        rest = memoryview(data)
        with self._named() as descriptor:
            while rest:
                written = os.write(descriptor, rest)
                self.size += written
                rest = rest[written:]

    def sync(self) -> None:
        """On return the bytes are where a loss of power leaves them."""

    def complete(self) -> None:
        """Nothing more comes."""
        self.close()

    def discard(self) -> None:
        """Nothing of it is wanted; what is no file has it already."""
        self.close()

    def close(self) -> None:
        """Let the descriptor go; a second time changes nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    @contextmanager
    def _named(self) -> Iterator[int]:
        assert self._descriptor is not None, f"{self.name} is closed"
        try:
            yield self._descriptor
        except OSError as error:
            error.filename = self.name
            raise


class PartialFile(Stream):
    """`path`.partial, which becomes `path` when it is complete; `resume_at` keeps so many bytes of the one there is.

    One process at a time writes it, and a link to a file stays one. Raises OutputError where it cannot be made,
    InputError where there is nothing to resume, and BusyError where another process is writing it, which loses nothing
    by that.
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
        """Whether the file on the disk holds as many bytes as were written, the last of them these."""
        with self._named() as descriptor:
            found = os.pread(descriptor, len(end) + 1, self.size - len(end))
        return found == end

    def read(self, count: int, at: int) -> bytes:
        """So many bytes from there on, or those there are; through another descriptor, the lock would end with it."""
        with self._named() as descriptor:
            return os.pread(descriptor, count, at)

    def complete(self) -> None:
        """Sync the bytes, give the file its name, and sync the folder: there is the old file or the whole new one."""
        self.sync()
        os.replace(self._partial, self._final)  # before the lock is let go
        self.close()
        folder = os.open(self._final.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def discard(self) -> None:
        """Remove what was written; what had the name before keeps it."""
        if self._descriptor is not None:  # or it may be another's by now
            self._partial.unlink(missing_ok=True)
        self.close()

    def _create(self) -> int:
        try:
            descriptor = self._open_alone(os.O_CREAT)
            os.ftruncate(descriptor, 0)
            return descriptor
        except FileNotFoundError as error:
            raise OutputError(
                f"{self._final}: there is no folder {self._final.parent}; wanted one to write to; make it first"
            ) from error
        except OSError as error:
            if error.errno in FAILED_DISK:
                raise
            raise OutputError(
                f"{self._partial} cannot be created ({error.strerror}); wanted a folder that can be written to; "
                "name another place"
            ) from error

    def _open_alone(self, flags: int) -> int:
        """Open the partial file, and have its lock."""
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
            os.close(descriptor)  # the other process has just given it its name, or removed it

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
