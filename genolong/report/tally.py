"""Counts the alleles of a VCF by status, with the first example of each."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from genolong.counted import counted
from genolong.genome.alleles import MISTAKES, SCORED, Status

ABOUT = 60  # characters of an example, at most
SHOWN = 4  # contigs named in a message


@dataclass
class Tally:
    """Counts of records and alleles, and the first allele of each status."""

    records: int = 0
    alleles: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    checked: int = 0  # records whose REF was compared with the genome, up to a limit
    mismatched: int = 0  # of the records checked

    def add(self, status: Status, example: str) -> None:
        """Counts an allele; `example` is its place and its letters."""
        self.alleles += 1
        self.counts[status] = self.counts.get(status, 0) + 1
        if status not in self.examples:
            self.examples[status] = example if len(example) <= ABOUT else f"{example[: ABOUT - 3]}..."

    @property
    def scored(self) -> int:
        """Number of alleles with a score."""
        return sum(self.counts.get(status, 0) for status in SCORED)

    @property
    def mistaken(self) -> int:
        """Number of alleles that are not of this genome, or not valid."""
        return sum(self.counts.get(status, 0) for status in (*MISTAKES, Status.MALFORMED))

    def lines(self, done: str = "scored") -> list[str]:
        """A summary: totals, then each status with its count and first example."""
        shown = sorted(self.counts, key=lambda status: (status not in SCORED, -self.counts[status], status))
        width = max((len(status) for status in shown), default=0)
        return [
            f"read {counted(self.records, 'record')} with {counted(self.alleles, 'allele')}; {done} {self.scored:,}",
            *(f"  {status:<{width}}  {self.counts[status]:>11,}  first: {self.examples[status]}" for status in shown),
        ]

    def lost_contigs(self, known: Sequence[str]) -> tuple[str, ...]:
        """Advice about contigs that the genome does not have, or nothing; `known` are the genome's contigs."""
        if not self.counts.get(Status.NO_CONTIG):
            return ()
        others = f" and {counted(len(known) - SHOWN, 'other')}" if len(known) > SHOWN else ""
        return (
            f"no_contig: the genome has {', '.join(known[:SHOWN])}{others}; a file can say which names mean the "
            "same contig (synonyms=FILE)",
        )

    def as_json(self) -> dict[str, Any]:
        """For a journal; `Tally.of` turns it back into a tally."""
        return asdict(self)

    @classmethod
    def of(cls, noted: Mapping[str, Any]) -> "Tally":
        """The tally that as_json gave."""
        return cls(**noted)
