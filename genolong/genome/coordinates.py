"""Genomic coordinates: 0-based, half-open intervals, and different names of the same contig."""

from collections.abc import Collection
from dataclasses import dataclass

_MITOCHONDRIA = ("M", "MT", "chrM", "chrMT")


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """Bases start … end - 1 of a contig, counted from 0; either may lie outside the contig."""

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
        """Whether the two intervals share a base."""
        return self.contig == other.contig and self.start < other.end and other.start < self.end

    def __str__(self) -> str:
        """In the notation that people use: counted from 1, with the last base included."""
        return f"{self.contig}:{self.start + 1}-{self.end}"


def match_contig(name: str, names: Collection[str]) -> str | None:
    """The entry of `names` that means contig `name`: equal, with or without `chr`, or another mitochondrial name.

    None if nothing matches, or if several mitochondrial names do.
    """
    other = name.removeprefix("chr") if name.startswith("chr") else f"chr{name}"
    for candidate in (name, other):
        if candidate in names:
            return candidate
    mitochondria = [each for each in _MITOCHONDRIA if each in names] if name in _MITOCHONDRIA else []
    return mitochondria[0] if len(mitochondria) == 1 else None
