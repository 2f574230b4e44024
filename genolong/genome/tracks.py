"""Writes per-base values as tracks for genome browsers: bedGraph (text) and bigWig (indexed)."""

import errno
import os
import struct
from collections.abc import Iterator, Mapping
from mmap import ACCESS_READ, mmap
from pathlib import Path

import numpy as np
import pybigtools
from jaxtyping import Float64

from genolong.genome.coordinates import Interval
from genolong.genome.files.partial_file import OTHER_BYTES, SUFFIX, refuse_no_file, sync_path
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


class Track:
    """The values of bases as two files: NAME.bedgraph while they come, and at the end NAME.bw of the same values.

    `contigs` are the lengths of all contigs. Write one contig after the other, its positions in order, and at least one
    value: the format has no empty file. The files get their names in `complete`. Raises OutputError if a file cannot be
    created, OSError if the disk fails or is full.
    """

    def __init__(self, bed_graph: Path, big_wig: Path, contigs: Mapping[str, int]) -> None:
        refuse_no_file(big_wig)
        self._big_wig, self._contigs = Path(os.path.realpath(big_wig)), contigs
        self._partial = self._big_wig.with_name(f"{self._big_wig.stem}{SUFFIX}.bw")  # the library looks at the ending
        self._lines = BedGraph(bed_graph)

    def write(self, interval: Interval, values: Values) -> None:
        """The values of an interval's bases."""
        self._lines.write(interval, values)

    def end(self) -> None:
        """Finish writing, without giving the files their names."""
        self._lines.end()
        _write_big_wig(self._partial, self._lines.partial, self._contigs)

    def complete(self) -> None:
        """Give the files their names, after `end`."""
        self._lines.complete()
        os.replace(self._partial, self._big_wig)
        sync_path(self._big_wig.parent)

    def discard(self) -> None:
        """Remove the partial files."""
        self._partial.unlink(missing_ok=True)
        self._lines.discard()


def _write_big_wig(path: Path, bed_graph: Path, contigs: Mapping[str, int]) -> None:
    """Writes the entries of a bedGraph file and checks the file on the disk, because the library only prints errors."""
    entries = _Entries(bed_graph)
    try:
        pybigtools.open(str(path), "w").write(dict(contigs), iter(entries))
    except BaseException as error:
        if type(error).__module__ != "pyo3_runtime":  # an error in Rust, which is no Exception
            raise
    if entries.error is not None:
        raise entries.error
    sync_path(path)
    if not _is_whole(path, entries.count):
        raise OSError(errno.EIO, OTHER_BYTES, str(path))


class _Entries:
    """A bedGraph's entries; an error, even an interruption, ends them and is kept: the library would print it."""

    def __init__(self, path: Path) -> None:
        self.count, self.error = 0, None
        self._path = path

    def __iter__(self) -> Iterator[tuple[str, int, int, float]]:
        try:
            with self._path.open(encoding="utf-8", newline="\n") as lines:
                for self.count, line in enumerate(lines, 1):
                    contig, start, end, value = line.split("\t")
                    yield contig, int(start), int(end), float(value)
        except GeneratorExit:  # the library wants no more
            raise
        except BaseException as error:
            self.error = error


def _is_whole(path: Path, bases: int) -> bool:
    """Whether a bigWig file starts and ends as the format requires, and states this number of bases with a value."""
    with path.open("rb") as file:
        content = mmap(file.fileno(), 0, access=ACCESS_READ) if path.stat().st_size else b""
        if len(content) < _HEADER_BYTES or not content[:4] == content[-4:] == _MAGIC:
            return False
        (summary,) = _WHOLE_NUMBER.unpack_from(content, _SUMMARY_AT)
        if summary + _WHOLE_NUMBER.size > len(content):
            return False
        return _WHOLE_NUMBER.unpack_from(content, summary) == (bases,)
