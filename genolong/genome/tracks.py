"""A value a base along contigs, as genome browsers read it: bedGraph, which is text, and bigWig, which is indexed."""

import os
import struct
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from mmap import ACCESS_READ, mmap
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from jaxtyping import Float64

from genolong.genome.coordinates import Interval
from genolong.genome.files.partial_file import SUFFIX, PartialFile
from genolong.genome.files.whole_text import WholeText

DECIMALS = 4
_AT_ONCE = 1 << 16  # bases that are formatted together
_MAGIC = struct.pack("<I", 0x888FFC26)  # Kent et al., BigWig and BigBed (2010), supplement: header and total summary
_HEADER_BYTES, _SUMMARY_AT, _WHOLE_NUMBER = 64, 44, struct.Struct("<Q")

Values = Float64[np.ndarray, " bases"]


def shown(values: Values) -> list[str]:
    """Numbers as all text files have them: four decimals, and no minus before a zero."""
    return [f"{value:.{DECIMALS}f}" for value in rounded(values)]


def rounded(values: Values) -> Values:
    """As text files have them."""
    return np.round(values, DECIMALS) + 0.0  # -0.0 + 0.0 is 0.0


class BedGraph(WholeText):
    """A line a base whose value is a number, in the order in which they are written; none for NaN.

    The file gets its name in `complete`. Raises OutputError where it cannot be made.
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
    """As BedGraph; `contigs` are the lengths of all contigs, in the order in which values come.

    Raises OSError where the disk does not take it.
    """

    def __init__(self, path: Path, contigs: Mapping[str, int]) -> None:
        library = big_wig_library()
        assert library is not None, "asked before"
        PartialFile(path).close()  # says what is wrong where none can be made
        self._path, self._partial = path, path.with_name(path.name + SUFFIX)
        self._bases = 0  # that have a value
        self._file: Any = library.open(str(self._partial), "w")
        self._file.addHeader(list(contigs.items()))

    def write(self, interval: Interval, values: Values) -> None:
        """The values of an interval's bases."""
        known = np.flatnonzero(~np.isnan(values))
        for run in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
            if len(run):
                self._add(interval.contig, interval.start + int(run[0]), rounded(values[run]).tolist())
                self._bases += len(run)

    def end(self) -> None:
        """No more comes: what lies on the disk is looked at, for of a full one the library may say nothing."""
        self._close()
        with self._partial.open("rb") as file:
            os.fsync(file.fileno())
        if not self._is_whole():
            raise OSError(f"{self._partial} does not hold on the disk what was written to it; write it again")

    def complete(self) -> None:
        """The file gets its name."""
        self.end()
        os.replace(self._partial, self._path)

    def discard(self) -> None:
        """Nothing of it is wanted."""
        with suppress(OSError):
            self._close()
        self._partial.unlink(missing_ok=True)

    def _add(self, contig: str, start: int, values: list[float]) -> None:
        try:
            self._file.addEntries(contig, start, values=values, span=1, step=1)
        except RuntimeError as error:
            raise OSError(f"{self._partial}: cannot be written to ({error})") from error

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.close()
        except RuntimeError as error:
            raise OSError(f"{self._partial}: cannot be written to ({error})") from error

    def _is_whole(self) -> bool:
        """Whether it begins and ends as the format wants it, and says of how many bases it holds a value.

        Looked at by ourselves, for of a file that is cut the library makes a segmentation fault.
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
    """What writes bigWig files, pyBigWig, or None where it is not installed."""
    try:
        return import_module("pyBigWig")
    except ImportError:
        return None
