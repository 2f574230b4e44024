"""A file pinned to its content: hashed once, and hashed again whenever it looks touched."""

import os
from dataclasses import dataclass
from pathlib import Path

from genolong.errors import InputError, MissingInputError
from genolong.genome.files.hashed import sha256_of_open
from genolong.nearest import nearest_path

# Size, times of the last change of content and of anything, inode: what a write cannot leave as it was.
Stamp = tuple[int, int, int, int]


@dataclass
class PinnedFile:
    """A path and the sha256 of what was read there; `stamp` is how the file looked when its content was last known."""

    path: Path
    sha256: str
    stamp: Stamp

    @classmethod
    def pin(cls, path: Path) -> "PinnedFile":
        """Hash the file; raises MissingInputError when it cannot be read, InputError when it changes meanwhile."""
        try:
            if path.is_dir():
                raise MissingInputError(f"{path} is a folder; wanted a file")
            if not path.exists():
                raise MissingInputError(
                    f"{path} does not exist; wanted a file; check its spelling and the folder you are in"
                    + nearest_path(path)
                )
            if not path.is_file():
                raise MissingInputError(
                    f"{path} is a pipe or device; wanted a file, to read from its middle; save it first"
                )
            with path.open("rb") as file:
                before = stamp(file.fileno())
                digest = sha256_of_open(file, path)
                after = stamp(file.fileno())
        except OSError as error:
            raise MissingInputError(f"{path} cannot be read ({error.strerror}); check its permissions") from error
        if before != after:
            raise InputError(f"{path} changed while it was read; wait until it is written, then start again")
        return cls(path, digest, before)

    def untouched(self, descriptor: int) -> bool:
        """Whether an open file looks as it did when its content was last known; costs about a microsecond."""
        return stamp(descriptor) == self.stamp

    def verify(self, descriptor: int) -> None:
        """Make sure that an open file of this path still holds the pinned content; else raise InputError."""
        if self.untouched(descriptor):
            return
        now = PinnedFile.pin(self.path)
        if now.sha256 != self.sha256 or not now.untouched(descriptor):
            raise InputError(
                f"{self.path} changed since it was opened; wanted the content it had at the start; start again"
            )
        self.stamp = now.stamp


def stamp(descriptor: int) -> Stamp:
    """How an open file looks now."""
    found = os.fstat(descriptor)
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino
