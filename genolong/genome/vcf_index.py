"""The index of a VCF: checks whether its lines and their order allow one, and writes it with tabix."""

import os
from pathlib import Path

import pysam

from genolong.genome.vcf import BLANK, Record

_SUFFIXES = (".tbi", ".csi", ".idx")


class RecordOrder:
    """Checks the order of records: an index needs each contig's records together, sorted by position, on full lines."""

    def __init__(self) -> None:
        self._contig = ""
        self._position = -1
        self._contigs: set[str] = set()
        self.broken = ""  # the first reason why there can be no index

    def follow(self, record: Record) -> None:
        """Check the next record."""
        if record.malformed == BLANK:
            self._break(f"line {record.line} is blank, and tabix, bcftools and pysam stop there; remove it")
        if record.malformed or record.position is None:
            return
        if record.contig != self._contig:
            self._position = -1
            if record.contig in self._contigs:
                self._break(f"its records are not sorted: line {record.line} goes back to {record.contig}")
            self._contig = record.contig
            self._contigs.add(record.contig)
        if record.position < self._position:
            self._break(
                f"its records are not sorted: line {record.line} goes back to {record.contig}:{record.position + 1}"
            )
        self._position = record.position

    def _break(self, why: str) -> None:
        self.broken = self.broken or why


def remove_indexes(path: Path) -> list[str]:
    """Remove the indexes of a file that is about to be replaced; returns a note for each that cannot be removed."""
    notes = []
    for suffix in _SUFFIXES:
        index = Path(f"{path}{suffix}")
        try:
            index.unlink(missing_ok=True)
        except OSError as error:
            notes.append(f"{index} belongs to an older file and cannot be removed ({error.strerror}): remove it")
    return notes


def write_index(path: Path) -> list[str]:
    """Write the index of a bgzip VCF: .tbi, or .csi if positions are too large for it; returns a note if both fail."""
    error: Exception | None = None
    verbosity = pysam.set_verbosity(0)
    try:
        for suffix in (".tbi", ".csi"):
            partial = Path(f"{path}{suffix}.partial")
            try:
                pysam.tabix_index(
                    str(path), preset="vcf", force=True, keep_original=True, csi=suffix == ".csi", index=str(partial)
                )
                os.replace(partial, f"{path}{suffix}")
                return []
            except Exception as problem:  # whatever the problem, the VCF itself is complete
                error = problem
                partial.unlink(missing_ok=True)
    finally:
        pysam.set_verbosity(verbosity)
    return [f"{path} has no index, because tabix cannot make one ({error})"]
