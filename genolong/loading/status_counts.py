"""Counts the alleles of a scored VCF by status."""

from collections import Counter

from genolong.genome.alleles import Status
from genolong.genome.vcf import Record
from genolong.genome.vcf_info import field_values

OTHER = "other"  # any value that predict does not write


class StatusCounts:
    """Counts the values of <prefix>_STATUS, record by record."""

    def __init__(self, prefix: str) -> None:
        self._key = f"{prefix}_STATUS".encode()
        self._known = {status.value.encode(): status.value for status in Status}
        self.counts = Counter[str]()

    def add(self, record: Record) -> None:
        """Count the statuses of a record, if it has any."""
        values = field_values(record.info, {self._key}).get(self._key, b"")
        for value in values.split(b",") if values else ():
            self.counts[self._known.get(value, OTHER)] += 1
