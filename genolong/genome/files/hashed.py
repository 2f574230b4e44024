"""The sha256 of a file's content, with progress, because a large file takes long."""

import hashlib
from io import BufferedIOBase
from pathlib import Path

from genolong.long_work import follow

_CHUNK = 1 << 22


def sha256_of(path: str | Path) -> str:
    """The sha256 of a file's content; raises OSError if it cannot be read."""
    with Path(path).expanduser().open("rb") as file:
        return sha256_of_open(file, Path(path))


def sha256_of_open(file: BufferedIOBase, path: Path) -> str:
    """The sha256 of an open file from its current position on; `path` is shown in the progress."""
    size = path.expanduser().stat().st_size
    advance = follow(f"hashing {path.name}", size)
    digest, part = hashlib.sha256(), memoryview(bytearray(min(_CHUNK, max(size, 1))))
    while count := file.readinto(part):
        digest.update(part[:count])
        advance(count)
    return digest.hexdigest()
