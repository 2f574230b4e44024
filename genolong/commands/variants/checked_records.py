"""Records of a VCF with every allele's status, in blocks; another build of the genome is noticed before long work."""

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

FIRST = 200  # records whose REF is compared with the genome before anything is scored
FEW = 20  # of fewer, no other build is suspected
BLOCK_BYTES = 1 << 24  # of records held at once


@dataclass(frozen=True)
class MismatchSettings:
    """conf/trained/predict.yaml, embed.yaml: what is done where REF is not the genome's."""

    on_ref_mismatch: str
    most_mismatches: float

    def __post_init__(self) -> None:
        if self.on_ref_mismatch not in ("skip", "warn", "error"):
            raise SettingsError(f"on_ref_mismatch={self.on_ref_mismatch}: wanted skip, warn or error")
        if not 0 <= self.most_mismatches <= 1:
            raise SettingsError(f"most_mismatches={self.most_mismatches}: wanted a share from 0 to 1")


class CheckedRecord(NamedTuple):
    """A record, and of each ALT its status and, where it can be scored, the variant."""

    record: Record
    alleles: list[tuple[Status, Variant | None]]

    @property
    def variants(self) -> list[Variant]:
        """What is to be scored of it."""
        return [variant for _, variant in self.alleles if variant is not None]


class RecordChecks:
    """Checks records in their order. `tally` counts the first ones whose REF can be compared, and their mismatches."""

    def __init__(self, name: str, checks: AlleleChecks, tally: Tally, settings: MismatchSettings) -> None:
        self._name, self._checks, self._tally = name, checks, tally
        self._on_ref_mismatch, self._most = settings.on_ref_mismatch, settings.most_mismatches

    def blocks(self, records: Iterable[Record], size: int) -> Iterator[list[CheckedRecord]]:
        """`size` records a block, fewer where they are long. Which ones depends on nothing but the records.

        Raises RefusedRecordError where too many of the first REFs are not the genome's.
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
            raise RefusedRecordError(line)
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
    """Where an allele stands and what it is, as people are told."""
    if record.malformed:
        return f"line {record.line}: {record.malformed}"
    place = f"{record.contig}:{'?' if record.position is None else record.position + 1}"
    change = f"{record.reference[:ABOUT].decode('latin-1')}>{alternate[:ABOUT].decode('latin-1')}"
    return f"line {record.line}, {place} {change}"
