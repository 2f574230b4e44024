"""A file pinned to its content: hashed once, and again whenever its size, times or inode change."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from genolong.errors import InputError, MissingInputError
from genolong.genome.files.hashed import hash_of_open
from genolong.nearest import nearest_path

# Size, mtime, ctime and inode: any write changes at least one of them.
Stamp = tuple[int, int, int, int]


@dataclass
class PinnedFile:
    """A path and the sha256 of its content; `stamp` is the file's stamp when this content was last confirmed."""

    path: Path
    sha256: str
    stamp: Stamp

    @classmethod
    def pin(cls, path: Path) -> "PinnedFile":
        """Hash the file; raises MissingInputError if it cannot be read, InputError if it changes meanwhile."""
        refuse_missing(path)
        with _readable(path), path.open("rb") as file:
            before = stamp(file.fileno())
            digest = hash_of_open(file, path, "sha256")
            after = stamp(file.fileno())
        if before != after:
            raise InputError(f"{path} changed while it was read; wait until it is written, then start again")
        return cls(path, digest, before)

    def untouched(self, descriptor: int) -> bool:
        """Whether an open file still has the confirmed stamp; takes about a microsecond."""
        return stamp(descriptor) == self.stamp

    def verify(self, descriptor: int) -> None:
        """Raise InputError unless an open file of this path still has the pinned content."""
        if self.untouched(descriptor):
            return
        now = PinnedFile.pin(self.path)
        if now.sha256 != self.sha256 or not now.untouched(descriptor):
            raise InputError(
                f"{self.path} changed since it was opened; wanted the content it had at the start; start again"
            )
        self.stamp = now.stamp


def stamp(descriptor: int) -> Stamp:
    """An open file's size, mtime, ctime and inode."""
    found = os.fstat(descriptor)
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def refuse_missing(path: Path) -> None:
    """Raise MissingInputError unless there is a file, in which one can go back and forth."""
    with _readable(path):
        if path.is_dir():
            raise MissingInputError(f"{path} is a folder; wanted a file")
        if not path.exists():
            raise MissingInputError(
                f"{path} does not exist; wanted a file; check its spelling and the folder you are in"
                + nearest_path(path)
            )
        if not path.is_file():
            raise MissingInputError(
                f"{path} is a pipe or device; wanted a file, which can be read from any position; save it first"
            )


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MissingInputError(f"{path} cannot be read ({error.strerror}); check its permissions") from error
