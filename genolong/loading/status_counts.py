"""How many alleles of a scored VCF got which status."""

from collections import Counter

from genolong.genome.alleles import Status
from genolong.genome.vcf import Record
from genolong.genome.vcf_info import field_values

OTHER = "other"  # whatever else stands there: no word that predict writes


class StatusCounts:
    """Counts the values of <prefix>_STATUS, record after record."""

    def __init__(self, prefix: str) -> None:
        self._key = f"{prefix}_STATUS".encode()
        self._known = {status.value.encode(): status.value for status in Status}
        self.counts = Counter[str]()

    def add(self, record: Record) -> None:
        """One more record; one that has no status counts for nothing."""
        values = field_values(record.info, {self._key}).get(self._key, b"")
        for value in values.split(b",") if values else ():
            self.counts[self._known.get(value, OTHER)] += 1
