"""The table of alleles without a score: where each stands, what it is, and why it has none."""

import os
from pathlib import Path

from genolong.errors import OutputError
from genolong.genome.alleles import Status
from genolong.genome.vcf import Record

COLUMNS = b"line\tcontig\tposition\treference\talternate\tstatus\n"


class SkippedTable:
    """Tab-separated, in the order of the VCF, positions from 1. Its name appears when it is complete.

    `resume_at` is how many bytes of the unfinished table hold.
    """

    def __init__(self, path: Path, resume_at: int | None = None) -> None:
        self._path, self._partial = path, path.with_name(f"{path.name}.partial")
        try:
            self._file = self._partial.open("wb" if resume_at is None else "r+b")
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror}); name another file (skipped_to=)") from error
        if resume_at is None:
            self._file.write(COLUMNS)
        else:
            self._file.seek(resume_at)
            self._file.truncate()

    def add(self, record: Record, alternate: bytes, status: Status) -> None:
        """One allele; of a malformed record, why it is none."""
        place = "" if record.position is None else str(record.position + 1)
        contig = record.contig.encode("utf-8", "surrogateescape")
        columns = (str(record.line).encode(), contig, place.encode(), record.reference, alternate, status.encode())
        self._file.write(b"\t".join(columns) + b"\n")

    def flush(self) -> int:
        """Brings the rows to the file; how many bytes it holds."""
        self._file.flush()
        return self._file.tell()

    def close(self) -> None:
        """Keeps the unfinished table as it is."""
        self._file.close()

    def complete(self) -> None:
        """Gives it its name."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._partial, self._path)
