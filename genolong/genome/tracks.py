"""Writes per-base values as tracks for genome browsers: bedGraph (text) and bigWig (indexed)."""

import errno
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from mmap import ACCESS_READ, mmap
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from jaxtyping import Float64

from genolong.genome.coordinates import Interval
from genolong.genome.files.partial_file import OTHER_BYTES, SUFFIX, PartialFile, sync_path
from genolong.genome.files.whole_text import WholeText

DECIMALS = 4
_AT_ONCE = 1 << 16  # bases formatted at once
_MAGIC = struct.pack("<I", 0x888FFC26)  # Kent et al., BigWig and BigBed (2010), supplement: header and total summary
_HEADER_BYTES, _SUMMARY_AT, _WHOLE_NUMBER = 64, 44, struct.Struct("<Q")

Values = Float64[np.ndarray, " bases"]


def shown(values: Values) -> list[str]:
    """Numbers as all our text files show them: four decimals, and no minus before a zero."""
    return [f"{value:.{DECIMALS}f}" for value in rounded(values)]


def rounded(values: Values) -> Values:
    """Values rounded as in our text files."""
    return np.round(values, DECIMALS) + 0.0  # -0.0 + 0.0 is 0.0


class BedGraph(WholeText):
    """One line per base, in the order of writing; bases whose value is NaN are left out.

    The file gets its name in `complete`. Raises OutputError if it cannot be created.
    """

    def write(self, interval: Interval, values: Values) -> None:
        """The values of an interval's bases."""
        for begin in range(0, interval.length, _AT_ONCE):
            part = values[begin : begin + _AT_ONCE]
            known = np.flatnonzero(~np.isnan(part))
            starts = (known + interval.start + begin).tolist()
            lines = [
                f"{interval.contig}\t{start}\t{start + 1}\t{value}\n"
                for start, value in zip(starts, shown(part[known]), strict=True)
            ]
            self.text.write("".join(lines).encode())


class BigWig:
    """Like BedGraph; `contigs` are the lengths of all contigs, in the order of writing.

    Raises OSError if the disk fails or is full.
    """

    def __init__(self, path: Path, contigs: Mapping[str, int]) -> None:
        library = big_wig_library()
        assert library is not None, "asked before"
        PartialFile(path).close()  # raises a clear error if the file cannot be created
        self._path, self._partial = path, path.with_name(path.name + SUFFIX)
        self._bases = 0  # with a value
        self._file: Any = None
        try:
            with self._written():
                self._file = library.open(str(self._partial), "w")
                self._file.addHeader(list(contigs.items()))
        except OSError:
            self.discard()
            raise

    def write(self, interval: Interval, values: Values) -> None:
        """The values of an interval's bases."""
        known = np.flatnonzero(~np.isnan(values))
        for run in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
            if len(run):
                start = interval.start + int(run[0])
                with self._written():
                    self._file.addEntries(interval.contig, start, values=rounded(values[run]).tolist(), span=1, step=1)
                self._bases += len(run)

    def end(self) -> None:
        """Finish writing and check the file on the disk, because the library may not report a full disk."""
        self._close()
        sync_path(self._partial)
        if not self._is_whole():
            raise OSError(errno.EIO, OTHER_BYTES, str(self._partial))

    def complete(self) -> None:
        """Finish, and give the file its name."""
        self.end()
        os.replace(self._partial, self._path)

    def discard(self) -> None:
        """Remove the partial file."""
        with suppress(OSError):
            self._close()
        self._partial.unlink(missing_ok=True)

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with self._written():
                file.close()

    @contextmanager
    def _written(self) -> Iterator[None]:
        """Raise what the library raises as an error of the disk."""
        try:
            yield
        except RuntimeError as error:
            raise OSError(errno.EIO, f"cannot be written to ({error})", str(self._partial)) from error

    def _is_whole(self) -> bool:
        """Whether the file starts and ends as the format requires, and states the number of bases written.

        We check it ourselves, because the library crashes with a segmentation fault on a truncated file.
        """
        with self._partial.open("rb") as file:
            content = mmap(file.fileno(), 0, access=ACCESS_READ) if self._partial.stat().st_size else b""
            if len(content) < _HEADER_BYTES or not content[:4] == content[-4:] == _MAGIC:
                return False
            (summary,) = _WHOLE_NUMBER.unpack_from(content, _SUMMARY_AT)
            if summary + _WHOLE_NUMBER.size > len(content):
                return False
            return _WHOLE_NUMBER.unpack_from(content, summary) == (self._bases,)


Track = BedGraph | BigWig


def big_wig_library() -> ModuleType | None:
    """The library pyBigWig, which writes bigWig files, or None if it is not installed."""
    try:
        return import_module("pyBigWig")
    except ImportError:
        return None
