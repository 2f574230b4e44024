"""A VCF's records in blocks, with every allele's status; detects another genome build before long work starts."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from genolong.errors import RefusedRecordError, SettingsError
from genolong.genome.alleles import AlleleChecks, Status
from genolong.genome.edit import Variant
from genolong.genome.vcf import Record
from genolong.report.tally import ABOUT, Tally

logger = logging.getLogger(__name__)

FIRST = 200  # records whose REF is compared with the genome at first
FEW = 20  # with fewer such records, another build is not suspected
BLOCK_BYTES = 1 << 24  # bytes of records in memory at once


@dataclass(frozen=True)
class MismatchSettings:
    """conf/trained/predict.yaml, embed.yaml: what to do if REF differs from the genome."""

    on_ref_mismatch: str
    most_mismatches: float

    def __post_init__(self) -> None:
        if self.on_ref_mismatch not in ("skip", "warn", "error"):
            raise SettingsError(f"on_ref_mismatch={self.on_ref_mismatch}: wanted skip, warn or error")
        if not 0 <= self.most_mismatches <= 1:
            raise SettingsError(f"most_mismatches={self.most_mismatches}: wanted a share from 0 to 1")


class CheckedRecord(NamedTuple):
    """A record, with the status of each ALT and, if it can be scored, the variant."""

    record: Record
    alleles: list[tuple[Status, Variant | None]]

    @property
    def variants(self) -> list[Variant]:
        """Its variants that can be scored."""
        return [variant for _, variant in self.alleles if variant is not None]


class RecordChecks:
    """Checks records in order; `tally` counts the first ones whose REF can be compared, and their mismatches."""

    def __init__(self, name: str, checks: AlleleChecks, tally: Tally, settings: MismatchSettings) -> None:
        self._name, self._checks, self._tally = name, checks, tally
        self._on_ref_mismatch, self._most = settings.on_ref_mismatch, settings.most_mismatches

    def blocks(self, records: Iterable[Record], size: int) -> Iterator[list[CheckedRecord]]:
        """Blocks of `size` records, or fewer if they are long; block boundaries depend only on the records.

        Raises RefusedRecordError if too many of the first REFs differ from the genome.
        """
        block: list[CheckedRecord] = []
        held = 0
        for record in records:
            block.append(self._checked(record))
            held += record.size
            if len(block) == size or held >= BLOCK_BYTES:
                yield block
                block, held = [], 0
        self._suspect_another_build(least=FEW)
        if block:
            yield block

    def _checked(self, record: Record) -> CheckedRecord:
        if record.malformed:
            return CheckedRecord(record, [(Status.MALFORMED, None)])
        alleles = self._checks.alleles(record.contig, record.position, record.reference, record.alternates)
        statuses = {status for status, _ in alleles}
        mismatch = Status.REF_MISMATCH in statuses
        if mismatch and self._on_ref_mismatch != "skip":
            self._tell(record)
        if self._tally.checked < FIRST and (mismatch or not statuses.isdisjoint((Status.OK, Status.TOO_LONG))):
            self._tally.checked += 1
            self._tally.mismatched += mismatch
            self._suspect_another_build(least=FIRST)
        return CheckedRecord(record, alleles)

    def _tell(self, record: Record) -> None:
        _, contig, found = self._checks.reference(record.contig, record.position, record.reference)
        assert record.position is not None
        line = (
            f"{self._name}, line {record.line}: REF is {record.reference.decode()[:50]}, but the genome has "
            f"{found.decode()[:50]} at {contig}:{record.position + 1}; were these variants called on another build?"
        )
        if self._on_ref_mismatch == "error":
            raise RefusedRecordError(
                f"{line} Name its FASTA (data.fasta=), or let such records pass (on_ref_mismatch=skip)"
            )
        logger.warning(line)

    def _suspect_another_build(self, least: int) -> None:
        checked, mismatched = self._tally.checked, self._tally.mismatched
        if checked >= least and mismatched > self._most * checked:
            raise RefusedRecordError(
                f"{self._name}: REF differs from the genome in {mismatched} of the first {checked} records that can "
                "be compared; were these variants called on another build? Name its FASTA (data.fasta=), or continue "
                "anyway with most_mismatches=1"
            )


def example_of(record: Record, alternate: bytes) -> str:
    """An allele's place and letters, for messages."""
    if record.malformed:
        return f"line {record.line}: {record.malformed}"
    place = f"{record.contig}:{'?' if record.position is None else record.position + 1}"
    change = f"{record.reference[:ABOUT].decode('latin-1')}>{alternate[:ABOUT].decode('latin-1')}"
    return f"line {record.line}, {place} {change}"
