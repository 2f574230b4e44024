"""Reads BGZF (the format of bgzip) from start to end, checks every block and notes where it starts."""

import os
import struct
import zlib
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path
from shlex import quote

from genolong.errors import InputError

MAGIC = b"\x1f\x8b"
_BLOCK_MAGIC = MAGIC + b"\x08\x04"  # deflated, with an extra field and nothing else
_CHUNK = 1 << 22
_LONGEST_TEXT = 1 << 16  # bytes in a block


def is_bgzip(head: bytes) -> bool:
    """Whether bytes begin like a bgzip file: a gzip member whose first extra field is BC."""
    return head.startswith(_BLOCK_MAGIC) and head[12:14] == b"BC"


def refuse_cut(path: Path, name: str) -> None:
    """Raise InputError if the last block of a bgzip file is not the empty end block; reads only the last bytes.

    A block ends with the length of its text as four bytes, so an empty block ends with four zero bytes.
    """
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - 4))
        if any(file.read(4)):
            raise InputError(_cut(name))


def _cut(name: object) -> str:
    return f"{name}: the bgzip file has no end block, so it was cut short; download or copy it again"


class BlockedText:
    """The text of an open BGZF file, in chunks; afterwards `starts` holds where each block starts.

    The format is section 4.1 of the SAM specification: gzip members of at most 65,536 bytes of text, whose extra field
    BC holds their compressed size, and an empty one at the end. Raises InputError for a block that is truncated,
    corrupt or of another kind.
    """

    def __init__(self, file: BufferedIOBase, path: Path) -> None:
        self._file = file
        self._path = path
        self.starts: list[tuple[int, int]] = []  # byte in the file, byte in the text
        self.longest_block = 0
        self._taken = 0  # bytes read from the file

    def __iter__(self) -> Iterator[bytes]:
        held: list[bytes] = []
        size = in_text = 0
        for in_file, text in self.blocks():
            self.starts.append((in_file, in_text))
            self.longest_block = max(self.longest_block, len(text))
            in_text += len(text)
            held.append(text)
            size += len(text)
            if size >= _CHUNK:
                yield b"".join(held)
                held, size = [], 0
        yield b"".join(held)

    def blocks(self) -> Iterator[tuple[int, bytes]]:
        """The start of each block in the file, and its text; does not record them in `starts`."""
        self._taken = 0
        text = None
        while head := self._take(12):
            in_file = self._taken - len(head)
            text = self._inflate(self._body(head, in_file), in_file)
            yield in_file, text
        if text != b"":
            raise InputError(_cut(self._path))

    def _body(self, head: bytes, start: int) -> bytes:
        """The part of a block after its header and extra field: the deflated text, its checksum and its length."""
        if head[:2] != MAGIC[: len(head)]:
            raise InputError(
                f"{self._path}: no bgzip block starts at byte {start:,}; "
                "wanted bgzip blocks to the end; download or copy the file again"
            )
        if len(head) < 12:
            raise self._cut(start)
        if head[:4] == _BLOCK_MAGIC:
            extra = self._read(struct.unpack("<H", head[10:])[0], start)
            size = _block_size(extra)
            if size is not None:
                return self._read(max(0, size - 12 - len(extra)), start)
        name = str(self._path)
        part = "it" if start == 0 else f"its part from byte {start:,}"
        raise InputError(
            f"{self._path}: {part} is compressed with gzip, which cannot be read from the middle; wanted plain text or "
            f"bgzip; compress with bgzip: gunzip {quote(name)} && bgzip {quote(name.removesuffix('.gz'))}"
        )

    def _inflate(self, body: bytes, start: int) -> bytes:
        try:
            inflate = zlib.decompressobj(wbits=-15)
            text = inflate.decompress(body[:-8], _LONGEST_TEXT + 1)  # or one block could fill the memory
            sound = inflate.eof and struct.unpack("<II", body[-8:]) == (zlib.crc32(text), len(text))
        except (zlib.error, struct.error):
            text, sound = b"", False
        if not sound:
            raise InputError(
                f"{self._path}: the bgzip block at byte {start:,} is corrupt (its checksum does not match); "
                "download or copy it again"
            )
        return text

    def _read(self, size: int, start: int) -> bytes:
        found = self._take(size)
        if len(found) < size:
            raise self._cut(start)
        return found

    def _take(self, size: int) -> bytes:
        """Read `size` bytes, fewer at the end of the file, and count them, because a pipe cannot tell its position."""
        found = self._file.read(size)
        self._taken += len(found)
        return found

    def _cut(self, start: int) -> InputError:
        return InputError(
            f"{self._path}: the bgzip file ends early, inside the block at byte {start:,}; download or copy it again"
        )


def _block_size(extra: bytes) -> int | None:
    at = 0
    while at + 4 <= len(extra):
        kind, length = extra[at : at + 2], struct.unpack("<H", extra[at + 2 : at + 4])[0]
        if kind == b"BC" and length == 2 and at + 6 <= len(extra):
            return struct.unpack("<H", extra[at + 4 : at + 6])[0] + 1
        at += 4 + length
    return None
