"""The index of a FASTA file, built in one pass: contigs, byte positions of their bases, and unknown bases."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from genolong.counted import counted
from genolong.errors import InputError
from genolong.genome.fasta_text import AMBIGUOUS_LETTER, LOWER, UNKNOWN, UPPER, Header, Letters, read_text
from genolong.genome.line_shape import LineShape

_NO_RUNS = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class FastaIndex:
    """The contigs that have bases, in file order; `first_run[i]` … `first_run[i + 1] - 1` are the runs of contig i."""

    names: tuple[str, ...]
    lengths: Int64[np.ndarray, " contigs"]
    places: Int64[
        np.ndarray, "contigs 3"
    ]  # byte of the first base, bases a line, bytes a line: columns 3 to 5 of a .fai
    run_starts: Int64[np.ndarray, " runs"]  # runs of N and ambiguous letters, in positions of their contig
    run_ends: Int64[np.ndarray, " runs"]
    first_run: Int64[np.ndarray, " contigs+1"]
    irregular: tuple[str, ...]  # contigs with lines of unequal shape: `places` is not valid for them
    empty: tuple[str, ...]  # headers without bases
    ambiguous: dict[str, int]  # how often each ambiguous letter occurs
    has_upper: bool
    has_lower: bool

    @property
    def soft_masked(self) -> bool:
        """Whether lower case marks repeats: not if all bases are lower case."""
        return self.has_upper and self.has_lower

    @cached_property
    def _unknown_before(self) -> Int64[np.ndarray, " _"]:
        return np.append(0, np.cumsum(self.run_ends - self.run_starts))

    @cached_property
    def known_lengths(self) -> Int64[np.ndarray, " contigs"]:
        """How many bases of every contig are A C G T."""
        return self.lengths - np.diff(self._unknown_before[self.first_run])

    def known(self, contig: int, start: int, end: int) -> int:
        """How many of the bases start … end - 1 are A C G T; positions outside the contig do not count."""
        start, end = max(start, 0), min(end, int(self.lengths[contig]))
        if end <= start:
            return 0
        first, stop = int(self.first_run[contig]), int(self.first_run[contig + 1])
        if first == stop:
            return end - start
        return end - start - (self._unknown_until(first, stop, end) - self._unknown_until(first, stop, start))

    def _unknown_until(self, first: int, stop: int, position: int) -> int:
        """The unknown bases before a position of the contig with the runs first … stop - 1, and of earlier contigs."""
        run = bisect_left(self.run_starts, position, first, stop)  # the first run at or after `position`
        beyond = max(0, int(self.run_ends[run - 1]) - position) if run > first else 0
        return int(self._unknown_before[run]) - beyond


def build_index(chunks: Iterable[bytes], path: Path) -> FastaIndex:
    """Read a FASTA file's text once; raises InputError for what `read_text` refuses, and if there is no base."""
    contigs: list[_Contig] = []
    seen = 0
    ambiguous: Counter[str] = Counter()
    for part in read_text(chunks, path):
        if isinstance(part, Header):
            contigs.append(_Contig(part.name))
        else:
            contigs[-1].add(part)
            seen |= part.present
            if part.present & AMBIGUOUS_LETTER:
                ambiguous.update(_ambiguous_letters(part))
    filled = [contig for contig in contigs if contig.length]
    if not filled:
        what = f"has {counted(len(contigs), 'header')} and no base" if contigs else "is empty"
        raise InputError(f"{path} {what}; wanted FASTA with at least one sequence; was it cut short?")
    for contig in filled:
        contig.shape.finish(last=contig is contigs[-1])
    runs = [contig.unknown_runs() for contig in filled]
    return FastaIndex(
        names=tuple(contig.name for contig in filled),
        lengths=np.array([contig.length for contig in filled], dtype=np.int64),
        places=np.array([(each.shape.first, each.shape.bases, each.shape.bytes) for each in filled], dtype=np.int64),
        run_starts=np.concatenate([starts for starts, _ in runs]),
        run_ends=np.concatenate([ends for _, ends in runs]),
        first_run=np.append(0, np.cumsum([starts.size for starts, _ in runs])),
        irregular=tuple(contig.name for contig in filled if not contig.shape.regular),
        empty=tuple(contig.name for contig in contigs if not contig.length),
        ambiguous=dict(sorted(ambiguous.items())),
        has_upper=bool(seen & UPPER),
        has_lower=bool(seen & LOWER),
    )


class _Contig:
    """A contig that is being read."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.length = 0
        self.shape = LineShape()
        self._edges: list[
            Int64[np.ndarray, " edges"]
        ] = []  # start, end, start, end … of unknown runs; a run that spans two parts is cut in two

    def add(self, part: Letters) -> None:
        self.shape.add(part)
        if part.present & (UNKNOWN | AMBIGUOUS_LETTER):
            unknown = part.kinds >= UNKNOWN
            edges = np.flatnonzero(unknown[1:] != unknown[:-1]) + 1
            before, after = [0] * bool(unknown[0]), [unknown.size] * bool(unknown[-1])
            self._edges.append(np.concatenate([before, edges, after]).astype(np.int64) + self.length)
        self.length += len(part.letters)

    def unknown_runs(self) -> tuple[Int64[np.ndarray, " runs"], Int64[np.ndarray, " runs"]]:
        """Starts and ends of all unknown runs, in order; adjacent runs are merged."""
        if not self._edges:
            return _NO_RUNS, _NO_RUNS
        edges = np.concatenate(self._edges)
        starts, ends = edges[::2], edges[1::2]
        apart = starts[1:] != ends[:-1]
        return starts[np.append(True, apart)], ends[np.append(apart, True)]


def _ambiguous_letters(part: Letters) -> str:
    return part.letters.translate(None, b"ACGTNacgtn").decode("ascii").upper()
