"""The table of alleles without a score: where each stands, what it is, and why it has none."""

from pathlib import Path

from genolong.genome.alleles import Status
from genolong.genome.files.partial_file import PartialFile
from genolong.genome.vcf import Record

COLUMNS = b"line\tcontig\tposition\treference\talternate\tstatus\n"


class SkippedTable:
    """Tab-separated, in the order of the VCF, positions from 1. Its name appears when it is complete.

    `resume_at` is what `flush` returned when so much was done as is done now. Raises what PartialFile raises.
    """

    def __init__(self, path: Path, resume_at: int | None = None) -> None:
        self._file = PartialFile(path, resume_at)
        self._rows = [] if resume_at else [COLUMNS]

    def add(self, record: Record, alternate: bytes, status: Status) -> None:
        """One allele; of a malformed record, why it is malformed instead of an allele."""
        place = "" if record.position is None else str(record.position + 1)
        contig = record.contig.encode("utf-8", "surrogateescape")
        columns = (str(record.line).encode(), contig, place.encode(), record.reference, alternate, status.encode())
        self._rows.append(b"\t".join(columns) + b"\n")

    def flush(self) -> int:
        """Bring the rows to the disk; how many bytes the table holds."""
        self._file.write(b"".join(self._rows))
        self._rows = []
        self._file.sync()
        return self._file.size

    def finish(self) -> None:
        """Complete the table and give it its name."""
        self.flush()
        self._file.complete()

    def close(self) -> None:
        """Stop, and leave the unfinished table as it is."""
        self._file.close()

    def discard(self) -> None:
        """Stop, and remove the unfinished table."""
        self._file.discard()
