"""The table of alleles without a score: where and what each one is, and why it has none."""

from pathlib import Path

from genolong.genome.alleles import Status
from genolong.genome.files.other_kinds import refuse_other_kind
from genolong.genome.files.partial_file import PartialFile
from genolong.genome.vcf import Record

COLUMNS = b"line\tcontig\tposition\treference\talternate\tstatus\n"


class SkippedTable:
    """A tab-separated table in the VCF's order, positions from 1; it gets its final name when complete.

    `resume_at` is the value that `flush` returned at the point to resume from. Raises the same errors as PartialFile.
    """

    def __init__(self, path: Path, resume_at: int | None = None) -> None:
        refuse_other_kind(path, COLUMNS, "a table of alleles without a score")
        self._file = PartialFile(path, resume_at)
        self._rows = [] if resume_at else [COLUMNS]

    def add(self, record: Record, alternate: bytes, status: Status) -> None:
        """Adds an allele; for a malformed record, the reason takes the allele's place."""
        place = "" if record.position is None else str(record.position + 1)
        contig = record.contig.encode("utf-8", "surrogateescape")
        columns = (str(record.line).encode(), contig, place.encode(), record.reference, alternate, status.encode())
        self._rows.append(b"\t".join(columns) + b"\n")

    def flush(self) -> int:
        """Writes the rows to disk, and returns the table's size in bytes."""
        self._file.write(b"".join(self._rows))
        self._rows = []
        self._file.sync()
        return self._file.size

    def finish(self) -> None:
        """Completes the table, and gives it its final name."""
        self.flush()
        self._file.complete()

    def close(self) -> None:
        """Stops, and keeps the unfinished table."""
        self._file.close()

    def discard(self) -> None:
        """Stops, and removes the unfinished table."""
        self._file.discard()
