"""Places in a genome: 0-based, half-open intervals, and the names of contigs that mean the same."""

from collections.abc import Collection
from dataclasses import dataclass

_MITOCHONDRIA = ("M", "MT", "chrM", "chrMT")


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """Bases start … end - 1 of a contig, counted from 0; start may lie before the contig and end beyond it."""

    contig: str
    start: int
    end: int

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"an interval ends after its start, but {self.contig} has {self.start} to {self.end}")

    @property
    def length(self) -> int:
        """Its number of bases."""
        return self.end - self.start

    def overlaps(self, other: "Interval") -> bool:
        """Whether they have a base in common."""
        return self.contig == other.contig and self.start < other.end and other.start < self.end

    def __str__(self) -> str:
        """As people write it: the first base is 1 and the last one belongs to it."""
        return f"{self.contig}:{self.start + 1}-{self.end}"


def match_contig(name: str, names: Collection[str]) -> str | None:
    """The one of names that is called so: exactly, with or without `chr`, or any name of the mitochondrion.

    None when nothing matches, or when several names of the mitochondrion do.
    """
    other = name.removeprefix("chr") if name.startswith("chr") else f"chr{name}"
    for candidate in (name, other):
        if candidate in names:
            return candidate
    mitochondria = [each for each in _MITOCHONDRIA if each in names] if name in _MITOCHONDRIA else []
    return mitochondria[0] if len(mitochondria) == 1 else None
