"""A genome in one or several FASTA files: reads any interval as codes, with N beyond a contig's ends."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8

from genolong.errors import InputError
from genolong.genome.alphabet import N
from genolong.genome.checked_fasta import CheckedFasta, open_checked
from genolong.genome.coordinates import Interval
from genolong.genome.fasta_reader import FastaReader
from genolong.genome.files.cache_folder import CacheFolder
from genolong.nearest import near_names

_ENDINGS = (".gz", ".bgz", ".bgzf", ".fa", ".fasta", ".fna", ".fas", ".ffn", ".seq", ".txt")


@dataclass(frozen=True)
class Contig:
    """A contig's name, its number of bases, and how many of these are A C G T."""

    name: str
    length: int
    known: int


class Genome:
    """Reads bases by contig name. Safe to pickle and to fork: every process opens the files for itself.

    `contigs` is in file order, `notes` are messages for the user, and `sha256` maps each path as given to its hash.
    `titles` are the file names that qualify contig names; empty if no contig name needs one.
    """

    contigs: Mapping[str, Contig]
    notes: tuple[str, ...]
    sha256: Mapping[str, str]
    titles: tuple[str, ...]

    def __init__(self, files: Sequence[CheckedFasta], notes: Sequence[str]) -> None:
        _refuse_same_content(files)
        self._files = tuple(files)
        self._readers = tuple(FastaReader(file) for file in files)
        self._places = _places_by_name(files)
        lengths = [length for file in files for length in file.index.lengths.tolist()]
        known = [bases for file in files for bases in file.index.known_lengths.tolist()]
        self.contigs = {each[0]: Contig(*each) for each in zip(self._places, lengths, known, strict=True)}
        self.notes = (*(note for file in files for note in file.notes), *_twins(files), *notes)
        self.sha256 = {str(file.source.path): file.source.sha256 for file in files}
        own = {name for file in files for name in file.index.names}
        self.titles = () if own.issuperset(self._places) else tuple(titles_of([file.source.path for file in files]))

    @classmethod
    def open(cls, paths: Sequence[str | Path], cache: str | Path | None = None) -> "Genome":
        """Check FASTA files, plain or bgzip, and cache their indexes by content; known content is only hashed.

        A contig name that occurs in several files is qualified by the file's name, as in `human:chr1`. Raises
        InputError for a file that is not FASTA of DNA, MissingInputError for one that cannot be read.
        """
        listed = [paths] if isinstance(paths, str) else list(paths)
        if not listed:
            raise InputError("no FASTA file is given; wanted at least one in data.fasta")
        folder = CacheFolder(cache)
        files = [open_checked(Path(path).expanduser(), folder) for path in listed]
        return cls(files, folder.notes)

    def read(self, interval: Interval) -> tuple[UInt8[np.ndarray, " length"], Bool[np.ndarray, " length"]]:
        """The interval's codes, and whether each is soft-masked (lower case); N and False beyond the contig's ends."""
        file, contig = self._place(interval.contig)
        start, end = max(interval.start, 0), min(interval.end, self.contigs[interval.contig].length)
        if interval.start == start < end == interval.end:
            return self._readers[file].read(contig, start, end)
        codes = np.full(interval.length, N, dtype=np.uint8)
        repeats = np.zeros(interval.length, dtype=bool)
        if start < end:
            inside = slice(start - interval.start, end - interval.start)
            codes[inside], repeats[inside] = self._readers[file].read(contig, start, end)
        return codes, repeats

    @property
    def lengths(self) -> dict[str, int]:
        """The number of bases of every contig, in file order."""
        return {name: contig.length for name, contig in self.contigs.items()}

    def known(self, interval: Interval) -> int:
        """How many of the interval's bases are A C G T; taken from the index, without reading the file."""
        file, contig = self._place(interval.contig)
        return self._files[file].index.known(contig, interval.start, interval.end)

    def named_in(self, other: "Genome", intervals: Iterable[Interval]) -> list[Interval]:
        """Intervals of this genome with the names that `other` has for their contigs.

        Those in files whose content `other` does not read are left out.
        """
        own, theirs = self._homes(), {home: name for name, home in other._homes().items()}
        return [
            Interval(theirs[own[each.contig]], each.start, each.end)
            for each in intervals
            if own[each.contig] in theirs
        ]  # fmt: skip

    def _homes(self) -> dict[str, tuple[str, int]]:
        """Name → the file's sha256, and the contig's number in it."""
        return {name: (self._files[file].source.sha256, contig) for name, (file, contig) in self._places.items()}

    def _place(self, name: str) -> tuple[int, int]:
        """The indices of the file and of the contig in it."""
        if name not in self._places:
            near = [each for each in self._places if each.endswith(f":{name}")] or near_names(name, self._places)
            hint = (
                f"did you mean {' or '.join(near[:3])}?"
                if near
                else f"the first contigs are {', '.join([*self._places][:3])}"
            )
            raise InputError(f"there is no contig {name} in {', '.join(self.sha256)}; {hint}")
        return self._places[name]


def _places_by_name(files: Sequence[CheckedFasta]) -> dict[str, tuple[int, int]]:
    """Name → (file, contig in that file); names that occur in several files are qualified."""
    held_by = Counter(name for file in files for name in file.index.names)
    places: dict[str, tuple[int, int]] = {}
    for number, (file, title) in enumerate(zip(files, titles_of([file.source.path for file in files]), strict=True)):
        for contig, name in enumerate(file.index.names):
            full = f"{title}:{name}" if held_by[name] > 1 else name
            if full in places:
                raise InputError(
                    f"{file.source.path}: contig {name} would be called {full}, like another contig; rename one"
                )
            places[full] = number, contig
    return places


def titles_of(paths: Sequence[Path]) -> list[str]:
    """Names that tell the files apart: their stems, with as many parent folders as necessary."""
    parts = [[*path.absolute().parts[1:-1], _stem(path)] for path in paths]
    titles = ["/".join(part[-1:]) for part in parts]
    depth = 1
    while depth < max(map(len, parts)):
        depth += 1
        held_by = Counter(titles)
        titles = [
            title if held_by[title] == 1 else "/".join(part[-depth:]) for title, part in zip(titles, parts, strict=True)
        ]
    return titles


def _stem(path: Path) -> str:
    name = path.name
    while name.lower().endswith(_ENDINGS) and Path(name).stem:
        name = Path(name).stem
    return name


def _twins(files: Sequence[CheckedFasta]) -> Iterator[str]:
    """Notes on files that may be the same genome, such as plain and gzip: held-out bases would be trained on."""
    first: dict[tuple[object, ...], Path] = {}
    for file in files if len(files) > 1 else ():
        shape = (*file.index.names, *map(int, file.index.lengths))
        if shape in first:
            yield (
                f"{first[shape]} and {file.source.path} have the same contigs, of the same lengths: if they are one "
                "genome, name it once, or bases held out in one file are trained on in the other"
            )
        first.setdefault(shape, file.source.path)


def _refuse_same_content(files: Sequence[CheckedFasta]) -> None:
    first: dict[str, Path] = {}
    for file in files:
        if file.source.sha256 in first:
            raise InputError(
                f"{file.source.path} has the same content as {first[file.source.sha256]}; "
                "wanted each genome once; leave one out"
            )
        first[file.source.sha256] = file.source.path
