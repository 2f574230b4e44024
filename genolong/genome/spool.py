"""Lines too long for memory lie in a temporary file, which vanishes with the last of them."""

import os
import tempfile
from collections.abc import Iterator
from typing import IO, NamedTuple

_PIECE_BYTES = 1 << 20
_FULL_BYTES = 1 << 26  # then the next line gets a new file, so that the space of lines that are done comes back


class SpooledLine(NamedTuple):
    """A line in a file: `size` bytes from byte `start` on."""

    file: IO[bytes]
    start: int
    size: int

    def pieces(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes start … end - 1 of the line, in pieces of at most a mebibyte."""
        at, stop = self.start + start, self.start + (self.size if end is None else end)
        while at < stop:
            piece = os.pread(self.file.fileno(), min(_PIECE_BYTES, stop - at), at)
            if not piece:
                raise OSError(f"the temporary file of a long line ends at byte {at:,}, before {stop:,}")
            yield piece
            at += len(piece)


class Spool:
    """Takes lines, piece by piece; many share a file, for a process may open only so many."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._start = 0

    def write(self, piece: bytes) -> None:
        """The next piece of the line."""
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  closes when the last of its lines goes
            self._start = 0
        self._file.write(piece)

    def end_line(self) -> SpooledLine:
        """What was written since the last line's end."""
        assert self._file is not None
        self._file.flush()
        end = self._file.tell()
        line = SpooledLine(self._file, self._start, end - self._start)
        self._start = end
        if end >= _FULL_BYTES:
            self._file = None
        return line
