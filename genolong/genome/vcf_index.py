"""The index beside a VCF: whether its records stand in an order that has one, and tabix to write it."""

import os
from pathlib import Path

import pysam

from genolong.genome.vcf import Record

_SUFFIXES = (".tbi", ".csi", ".idx")


class RecordOrder:
    """Follows the records of a file: an index wants contigs in one stretch each, and positions that do not fall."""

    def __init__(self) -> None:
        self._contig = ""
        self._position = -1
        self._contigs: set[str] = set()
        self.broken = ""  # where the order was first left, in words

    def follow(self, record: Record) -> None:
        """The next record."""
        if record.malformed or record.position is None:
            return
        if record.contig != self._contig:
            self._position = -1
            if record.contig in self._contigs:
                self._break(f"line {record.line} goes back to {record.contig}")
            self._contig = record.contig
            self._contigs.add(record.contig)
        if record.position < self._position:
            self._break(f"line {record.line} goes back to {record.contig}:{record.position + 1}")
        self._position = record.position

    def _break(self, where: str) -> None:
        self.broken = self.broken or where


def remove_indexes(path: Path) -> list[str]:
    """Remove the indexes beside a file that is about to be replaced; a note for each that resists."""
    notes = []
    for suffix in _SUFFIXES:
        index = Path(f"{path}{suffix}")
        try:
            index.unlink(missing_ok=True)
        except OSError as error:
            notes.append(f"{index} belongs to an older file and cannot be removed ({error.strerror}): remove it")
    return notes


def write_index(path: Path) -> list[str]:
    """Write the index of a bgzip VCF, .tbi or, where positions are too large for it, .csi; a note where none can be."""
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
            except Exception as problem:  # whatever it is, the VCF is whole
                error = problem
                partial.unlink(missing_ok=True)
    finally:
        pysam.set_verbosity(verbosity)
    return [f"{path} has no index, for tabix cannot make one ({error})"]
