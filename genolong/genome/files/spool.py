"""Keeps lines too long for memory in temporary files, which are removed with the last line in them."""

import os
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

_PIECE_BYTES = 1 << 20
_FULL_BYTES = 1 << 26  # then the next line starts a new file, so that the space of finished lines is freed


class SpoolFile:
    """A nameless temporary file that closes when the last reference to it goes."""

    def __init__(self) -> None:
        self.bytes = tempfile.TemporaryFile()  # noqa: SIM115  see __del__

    def __del__(self) -> None:
        if hasattr(self, "bytes"):  # missing if a full disk made TemporaryFile fail
            self.bytes.close()


class SpooledLine(NamedTuple):
    """A line in a file: `size` bytes from byte `start` on."""

    file: SpoolFile
    start: int
    size: int

    def pieces(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes start … end - 1 of the line, in pieces of at most a mebibyte."""
        at, stop = self.start + start, self.start + (self.size if end is None else end)
        while at < stop:
            piece = os.pread(self.file.bytes.fileno(), min(_PIECE_BYTES, stop - at), at)
            if not piece:
                raise OSError(f"the temporary file of a long line ends at byte {at:,}, before {stop:,}")
            yield piece
            at += len(piece)


class Spool:
    """Takes lines, piece by piece; many lines share a file, because a process may open only a limited number."""

    def __init__(self) -> None:
        self._file = SpoolFile()
        self._start = 0

    def write(self, piece: bytes) -> None:
        """Add a piece to the current line."""
        self._file.bytes.write(piece)

    def end_line(self) -> SpooledLine:
        """End the current line, and return it."""
        self._file.bytes.flush()
        end = self._file.bytes.tell()
        line = SpooledLine(self._file, self._start, end - self._start)
        self._start = end
        if end >= _FULL_BYTES:
            self._file, self._start = SpoolFile(), 0
        return line
