"""Reads BED files as intervals; merges, subtracts and compares intervals."""

import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import IO, Any, NamedTuple

from genolong.counted import counted
from genolong.errors import InputError, MissingInputError
from genolong.genome.coordinates import Interval, match_contig
from genolong.genome.files.bgzf import MAGIC, BlockedText, is_bgzip
from genolong.nearest import near_names, nearest_path

_NO_REGION = re.compile(r"\s*($|#|(track|browser)\s)")
_LONGEST_LINE = 1 << 20
_NUMBER = re.compile(r"-?[0-9]{1,18}")
_DIGIT = re.compile(r"[0-9]")


def read_bed(path: str | Path, genome_contigs: Mapping[str, int]) -> list[Interval]:
    """The regions of a BED file (plain, gzip or bgzip), in file order, with the genome's contig names.

    `genome_contigs` maps names to lengths. Raises InputError with the line number for an invalid region,
    MissingInputError for a file that cannot be read.
    """
    path = Path(path).expanduser()
    regions = [
        _region(line.split(), genome_contigs, f"{path}, line {number}")
        for number, line in enumerate(_lines(path), start=1)
        if not _NO_REGION.match(line)
    ]
    if not regions:
        raise InputError(f"{path} holds no region; wanted lines of contig, start and end; is it the right file?")
    return regions


class NamedRegion(NamedTuple):
    """A region, its name (its coordinates if the file gives none), its strand (+, - or . for none), file and line."""

    name: str
    interval: Interval
    strand: str
    where: str


def read_named_bed(path: str | Path, genome_contigs: Mapping[str, int]) -> list[NamedRegion]:
    """Like read_bed, with the names and strands of columns 4 and 6; also refuses an invalid strand."""
    path = Path(path).expanduser()
    named = []
    for number, line in enumerate(_lines(path), start=1):
        if _NO_REGION.match(line):
            continue
        where = f"{path}, line {number}"
        columns = line.rstrip("\r\n").split("\t") if "\t" in line.strip() else line.split()
        interval = _region([column.strip() for column in columns], genome_contigs, where)
        name, _, strand = [*(column.strip() for column in columns[3:6]), "", "", ""][:3]
        if strand not in ("+", "-", ".", ""):
            raise InputError(f"{where}: strand {strand[:20]}; wanted +, - or . in column 6")
        named.append(NamedRegion(name if name not in ("", ".") else str(interval), interval, strand or ".", where))
    if not named:
        raise InputError(f"{path} holds no region; wanted lines of contig, start and end; is it the right file?")
    return named


def merge(intervals: Iterable[Interval]) -> list[Interval]:
    """The bases that the intervals cover, as the fewest intervals, sorted by contig and start; adjacent ones merge."""
    merged: list[Interval] = []
    for interval in sorted(intervals, key=_order):
        last = merged[-1] if merged else None
        if last and last.contig == interval.contig and interval.start <= last.end:
            merged[-1] = Interval(last.contig, last.start, max(last.end, interval.end))
        else:
            merged.append(interval)
    return merged


def subtract(intervals: Iterable[Interval], removed: Iterable[Interval]) -> list[Interval]:
    """The bases that the intervals cover and the removed ones do not, as merged intervals."""
    left: list[Interval] = []
    holes = iter(merge(removed))
    hole = next(holes, None)
    for interval in merge(intervals):
        start = interval.start
        while hole and (hole.contig, hole.start) < (interval.contig, interval.end):
            if hole.contig == interval.contig:
                if start < hole.start:
                    left.append(Interval(interval.contig, start, hole.start))
                start = max(start, hole.end)
                if hole.end > interval.end:
                    break  # it may reach into the next interval
            hole = next(holes, None)
        if start < interval.end:
            left.append(Interval(interval.contig, start, interval.end))
    return left


def first_overlap(one: Iterable[Interval], other: Iterable[Interval]) -> tuple[Interval, Interval] | None:
    """The first overlap, by contig and start, of an interval of `one` with one of `other`; None if there is none.

    Sweeps over both in order; on each side only the interval with the farthest end so far matters.
    """
    farthest: list[Interval | None] = [None, None]
    sides = chain(((interval, 0) for interval in one), ((interval, 1) for interval in other))
    for interval, side in sorted(sides, key=lambda item: _order(item[0])):
        open_interval = farthest[1 - side]
        if open_interval and open_interval.overlaps(interval):
            return (interval, open_interval) if side == 0 else (open_interval, interval)
        own = farthest[side]
        if not own or own.contig != interval.contig or own.end < interval.end:
            farthest[side] = interval
    return None


def _order(interval: Interval) -> tuple[str, int]:
    return interval.contig, interval.start


def _lines(path: Path) -> Iterator[str]:
    """The lines one by one, so that memory does not grow with the file."""
    try:
        with path.open("rb") as file:
            head = file.peek(64)  # a pipe cannot be rewound
            if is_bgzip(head):
                bytes_: IO[bytes] = io.BufferedReader(
                    _Chunks(BlockedText(file, path))
                )  # gzip would not notice a missing end block
            else:
                bytes_ = gzip.GzipFile(fileobj=file, mode="rb") if head.startswith(MAGIC) else file  # type: ignore[assignment]
            with io.TextIOWrapper(bytes_, encoding="utf-8-sig", newline=None) as text:
                while line := text.readline(_LONGEST_LINE):
                    if len(line) == _LONGEST_LINE:
                        raise InputError(
                            f"{path} has a line longer than {_LONGEST_LINE:,} characters; wanted a BED file"
                        )
                    yield line
    except FileNotFoundError as error:
        raise MissingInputError(
            f"{path} does not exist; wanted a BED file; check its spelling{nearest_path(path)}"
        ) from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            f"{path}: its compressed content is cut or corrupt ({error}); download or copy it again"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not a text file; wanted a BED file, plain or gzip; is it the right file?"
        ) from error
    except OSError as error:
        raise MissingInputError(f"{path} cannot be read ({error.strerror}); wanted a BED file") from error


def known_contig(name: str, contigs: Mapping[str, int], where: str) -> str:
    """The genome's name for a contig; raises InputError with the nearest names if there is none."""
    contig = match_contig(name, contigs)
    if contig is None:
        raise InputError(f"{where}: {no_contig(name, contigs)}")
    return contig


def no_contig(name: str, contigs: Mapping[str, int]) -> str:
    """The end of a message: the genome lacks this contig, and the nearest names are these."""
    near = near_names(name, contigs)
    hint = f"did you mean {' or '.join(near)}?" if near else f"it begins with {', '.join([*contigs][:3])}"
    return f"the genome has no contig {name}; {hint}"


class _Chunks(io.RawIOBase):
    """A readable file made of chunks of bytes."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks, self._held = iter(chunks), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._held:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._held = chunk
        part, self._held = self._held[: len(buffer)], self._held[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


def _region(columns: list[str], contigs: Mapping[str, int], where: str) -> Interval:
    if len(columns) < 3:
        raise InputError(f"{where}: {counted(len(columns), 'column')}; wanted contig, start and end")
    name, *numbers = columns[:3]
    if not all(map(_NUMBER.fullmatch, numbers)):
        if len(columns) >= 8 and all(map(_NUMBER.fullmatch, columns[3:5])):
            made = "awk -v OFS='\\t' '!/^#/ {print $1, $4 - 1, $5}'"
            raise InputError(f"{where}: looks like GFF or GTF; wanted BED, as made by {made}")
        names = "" if any(map(_DIGIT.search, numbers)) else "; a line of column names begins with #"
        raise InputError(f"{where}: start {numbers[0]} and end {numbers[1]}; wanted two whole numbers{names}")
    contig = known_contig(name, contigs, where)
    start, end = map(int, numbers)
    if start < 0:
        raise InputError(f"{where}: start {start:,} is negative; wanted 0 or more (BED counts from 0)")
    if end <= start:
        raise InputError(f"{where}: start {start:,} is not below end {end:,}; wanted the start first")
    if end > contigs[contig]:
        raise InputError(
            f"{where}: end {end:,} lies beyond {contig}, which has {contigs[contig]:,} bases; "
            "is it from another build of the genome?"
        )
    return Interval(contig, start, end)
