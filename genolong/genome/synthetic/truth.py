"""The truth of a synthetic genome: positions of motifs, slots and hidden domain types, as arrays and as BED."""

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from genolong.errors import InputError, MissingInputError
from genolong.genome.synthetic.grammar import Grammar

COLUMNS = ("contig", "start", "end", "name", "score", "strand", "kind", "type")
STRANDS = "+-"


@dataclass(frozen=True, eq=False)
class ContigTruth:
    """Motif instances (sorted by start; strand 0 is plus, 1 minus) and domains (each ends where the next starts)."""

    length: int
    starts: Int64[np.ndarray, " instances"]
    motifs: Int64[np.ndarray, " instances"]
    strands: Int64[np.ndarray, " instances"]
    domain_starts: Int64[np.ndarray, " domains"]
    domain_types: Int64[np.ndarray, " domains"]

    def columns(self, grammar: Grammar) -> Int64[np.ndarray, " length"]:
        """For every base, the row of `grammar.columns()` it was drawn from; 0 for background and N."""
        _, first = grammar.columns()
        sizes = np.array([len(motif.letters) for motif in grammar.motifs])[self.motifs]
        offsets = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        columns = np.zeros(self.length, np.int64)
        columns[np.repeat(self.starts, sizes) + offsets] = np.repeat(first[self.motifs, self.strands], sizes) + offsets
        return columns

    def types(self) -> Int64[np.ndarray, " length"]:
        """The hidden type at every base."""
        return np.repeat(self.domain_types, np.diff(self.domain_starts, append=self.length))


@dataclass(frozen=True, eq=False)
class Truth:
    """The rules of a synthetic genome, and what was planted in each contig."""

    grammar: Grammar
    contigs: Mapping[str, ContigTruth]

    @classmethod
    def read(cls, bed: str | Path, rules: str | Path) -> "Truth":
        """Read a bgzip BED of `bed_lines`, and the JSON file that holds the `rules` and the lengths of the `contigs`.

        Raises MissingInputError for a missing file, and InputError for an invalid line or entry.
        """
        for path in (bed, rules):
            if not Path(path).is_file():
                raise MissingInputError(f"{path}: no such file; scripts/make_demo_genome writes it")
        try:
            facts = json.loads(Path(rules).read_text())
            grammar, lengths = Grammar.from_json(facts["rules"]), dict(facts["contigs"])
        except (KeyError, TypeError, ValueError) as problem:
            raise InputError(
                f"{rules}: not the rules of a synthetic genome ({problem!r}); scripts/make_demo_genome writes them"
            ) from problem
        placed = {name: Placed([], []) for name in lengths}
        for number, line in enumerate(_lines(bed), start=1):
            _place(line, grammar, placed, f"{bed}, line {number}")
        return cls(grammar, {name: placed[name].truth(length) for name, length in lengths.items()})

    def planted(self, contig: str) -> Bool[np.ndarray, " length"]:
        """Which bases belong to a motif, slots included."""
        return self.contigs[contig].columns(self.grammar) > 0

    def slots(self, contig: str) -> Bool[np.ndarray, " length"]:
        """Which bases are slots, whose letters depend on their domain's type."""
        return self.grammar.is_slot()[self.contigs[contig].columns(self.grammar)]

    def motif_at(self, contig: str, position: int) -> str | None:
        """The name of the motif that a base belongs to, or None."""
        truth = self.contigs[contig]
        instance = int(np.searchsorted(truth.starts, position, side="right")) - 1
        if instance < 0:
            return None
        motif = self.grammar.motifs[truth.motifs[instance]]
        return motif.name if position < truth.starts[instance] + len(motif.letters) else None

    def bed_lines(self, contig: str) -> Iterator[str]:
        """The BED rows of one contig, sorted by start; rows with the same start are sorted by descending end.

        The type of a motif's row is `.`; rows of slots and domains name the type. Scores are 0.
        """
        truth, motifs = self.contigs[contig], self.grammar.motifs
        rows = []
        ends = np.append(truth.domain_starts[1:], truth.length)
        for start, end, kind in zip(truth.domain_starts, ends, truth.domain_types, strict=True):
            rows.append((start, end, "domain", ".", "domain", f"type{kind + 1}"))
        for start, index, strand in zip(truth.starts, truth.motifs, truth.strands, strict=True):
            rows.append((start, start + len(motifs[index].letters), motifs[index].name, STRANDS[strand], "motif", "."))
        types, columns = truth.types(), truth.columns(self.grammar)
        for at in np.flatnonzero(self.grammar.is_slot()[columns]):
            instance = np.searchsorted(truth.starts, at, side="right") - 1
            name, strand = motifs[truth.motifs[instance]].name, STRANDS[truth.strands[instance]]
            rows.append((at, at + 1, name, strand, "slot", f"type{types[at] + 1}"))
        for start, end, name, strand, kind, type_name in sorted(rows, key=lambda row: (row[0], -row[1])):
            yield f"{contig}\t{start}\t{end}\t{name}\t0\t{strand}\t{kind}\t{type_name}\n"


class Placed(NamedTuple):
    """The rows of a contig read so far: (start, motif, strand) and (start, type)."""

    instances: list[tuple[int, int, int]]
    domains: list[tuple[int, int]]

    def truth(self, length: int) -> ContigTruth:
        starts, motifs, strands = np.array(sorted(self.instances), np.int64).reshape(-1, 3).T
        domain_starts, domain_types = np.array(sorted(self.domains), np.int64).reshape(-1, 2).T
        return ContigTruth(length, starts, motifs, strands, domain_starts, domain_types)


def _lines(bed: str | Path) -> Iterator[str]:
    try:
        with gzip.open(bed, "rt") as lines:
            yield from lines
    except (gzip.BadGzipFile, EOFError, UnicodeDecodeError) as problem:
        raise InputError(
            f"{bed}: cannot be read ({problem}); wanted the bgzip file that scripts/make_demo_genome writes"
        ) from problem


def _place(line: str, grammar: Grammar, placed: Mapping[str, Placed], where: str) -> None:
    """Add one row to its contig; a slot's row adds nothing to those of its motif and domain."""
    try:
        contig, start, _, name, _, strand, kind, type_name = line.rstrip("\n").split("\t")
        if kind == "motif":
            motif = [motif.name for motif in grammar.motifs].index(name)
            placed[contig].instances.append((int(start), motif, STRANDS.index(strand)))
        elif kind == "domain":
            placed[contig].domains.append((int(start), int(type_name.removeprefix("type")) - 1))
        elif kind != "slot":
            raise ValueError(f"kind {kind}")
    except (ValueError, KeyError) as problem:
        raise InputError(
            f"{where}: not a row of this genome's truth ({problem}); wanted {' '.join(COLUMNS)}, "
            "as scripts/make_demo_genome writes them"
        ) from problem
