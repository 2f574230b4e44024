"""The sha256 or md5 of a file's content, with progress, because a large file takes long."""

import hashlib
from io import BufferedIOBase
from pathlib import Path

from genolong.long_work import follow

_CHUNK = 1 << 22


def sha256_of(path: str | Path) -> str:
    """The sha256 of a file's content; raises OSError if it cannot be read."""
    return hash_of(Path(path).expanduser(), "sha256")


def hash_of(path: Path, kind: str) -> str:
    """The md5 or sha256 of a file's content; raises OSError if it cannot be read."""
    with path.open("rb") as file:
        return hash_of_open(file, path, kind)


def hash_of_open(file: BufferedIOBase, path: Path, kind: str) -> str:
    """The same of an open file, from its current position on; `path` is shown in the progress."""
    size = path.stat().st_size
    advance = follow(f"hashing {path.name}", size)
    digest, part = hashlib.new(kind, usedforsecurity=False), memoryview(bytearray(min(_CHUNK, max(size, 1))))
    while count := file.readinto(part):
        digest.update(part[:count])
        advance(count)
    return digest.hexdigest()
