"""Keeps the files of predict in step, so that it can resume: the VCF, the table of skipped alleles, the journal."""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from types import TracebackType

from genolong.commands.same_work import hashes_of, identity, is_file, place
from genolong.commands.variants.checked_records import CheckedRecord, example_of
from genolong.commands.variants.effect_fields import EffectFields
from genolong.commands.variants.predict_settings import PredictSettings
from genolong.commands.variants.skipped import SkippedTable
from genolong.errors import BusyError, InputError, RefusedRecordError
from genolong.genome.alleles import SCORED, Status
from genolong.genome.files.partial_file import SUFFIX
from genolong.genome.vcf import Record, VcfReader
from genolong.genome.vcf_writer import VcfWriter
from genolong.report.tally import Tally
from genolong.runs.journal import Journal, can_be_gone_on_with
from genolong.tasks.variant_effect import Effect

NOTED_EVERY_S = 1.0
NOT_IN_RESULT = ("on_ref_mismatch", "most_mismatches", "overwrite_fields")


class PredictionWork:
    """Starts the output files, or resumes those of the same command; `tally` counts the records done so far.

    `hashes` maps names of settings to the sha256 of input files that can be read again. Pipes cannot be read again or
    truncated, so work from or to them (such as standard input and output) has no journal.
    """

    def __init__(
        self, settings: PredictSettings, fields: EffectFields, origin: Mapping[str, str], header: Sequence[bytes]
    ) -> None:
        self._settings, self._fields = settings, fields
        self._prefix = f"{settings.prefix}_".encode()
        self._journal, state = None, None
        self.hashes: dict[str, str | None] = {}
        output, skipped_to = place(settings.output), Path(settings.skipped_to or "").expanduser()
        if is_file(settings.vcf) and is_file(settings.output):
            self.hashes = hashes_of(settings, "vcf", "synonyms")
            self._journal = Journal(output, identity(settings, NOT_IN_RESULT, origin, self.hashes))
            wanted = [output, place(settings.skipped_to)] if settings.skipped_to else [output]
            if settings.resume == "auto" and all(path.with_name(path.name + SUFFIX).exists() for path in wanted):
                state = self._journal.state()
        self.tally = Tally.of(state["tally"]) if state else Tally()
        self.resumed_after = self.tally.records
        self._skipped = None
        with ExitStack() as undone:
            try:
                self._writer = VcfWriter(settings.output, state["offset"] if state else None)
                undone.callback(self._writer.close if state else self._writer.discard)
                if settings.skipped_to:
                    self._skipped = SkippedTable(skipped_to, state["skipped_offset"] if state else None)
                    undone.callback(self._skipped.close if state else self._skipped.discard)
            except BusyError:
                raise
            except InputError as error:
                raise type(error)(f"{error} (resume=no)") if state else error from None
            self._noted = time.monotonic()
            if not state:
                self._writer.write_header(header)
                self._note()
            undone.pop_all()

    @property
    def can_be_repeated(self) -> bool:
        """Whether input and output are files."""
        return self._journal is not None

    def rest_of(self, reader: VcfReader) -> Iterator[Record]:
        """The records still to be written."""
        records = iter(reader)
        for record in islice(records, self.resumed_after):
            self._writer.pass_over(record)
        return records

    def write(self, block: Sequence[CheckedRecord], effects: Sequence[Effect]) -> None:
        """Writes a block of records; `effects` belong to its variants, in order."""
        following = iter(effects)
        for record, alleles in block:
            found = [None if variant is None else next(following) for _, variant in alleles]
            statuses = [
                status if effect is None else effect.status for (status, _), effect in zip(alleles, found, strict=True)
            ]
            self._count(record, statuses)
            if record.malformed:
                self._writer.write(record)
                continue
            held = self._held(record)
            if held and not self._settings.overwrite_fields:
                raise self._holds(record, held)
            self._writer.write(record, self._fields.entries(statuses, found), held)
        self._writer.end_block()
        if time.monotonic() - self._noted > NOTED_EVERY_S:
            self._note()

    def complete(self) -> tuple[str, ...]:
        """Gives the files their final names, and returns notes for the user."""
        self._writer.finish()
        if self._skipped is not None:
            self._skipped.finish()
        if self._journal is not None:
            self._journal.remove()
        return tuple(self._writer.notes)

    def __enter__(self) -> "PredictionWork":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Keeps the unfinished files, to be resumed, if something was scored; otherwise removes them.

        They are also removed if an input was refused (with another input, work would have to start over), or is a pipe.
        """
        begun = self._journal is not None and self.tally.scored > 0 and can_be_gone_on_with(error)
        for file in (self._writer, self._skipped):
            if file is not None:
                file.close() if begun else file.discard()
        if not begun and self._journal is not None:
            self._journal.remove()

    def _note(self) -> None:
        offset = self._writer.flush()
        skipped = 0 if self._skipped is None else self._skipped.flush()
        if self._journal is not None:
            self._journal.note({"offset": offset, "skipped_offset": skipped, "tally": self.tally.as_json()})
        self._noted = time.monotonic()

    def _count(self, record: Record, statuses: Sequence[Status]) -> None:
        self.tally.records += 1
        alternates = record.alternates or (record.malformed.encode(),)
        for status, alternate in zip(statuses, alternates, strict=True):
            self.tally.add(status, example_of(record, alternate))
            if self._skipped is not None and status not in SCORED:
                self._skipped.add(record, alternate, status)

    def _held(self, record: Record) -> Collection[bytes]:
        """Our fields that INFO already contains; a search for the prefix alone settles most lines."""
        if isinstance(record.text, bytes) and self._prefix not in record.text:
            return ()
        return record.held_keys(self._fields.keys)

    def _holds(self, record: Record, held: Collection[bytes]) -> RefusedRecordError:
        return RefusedRecordError(
            f"{self._settings.vcf}, line {record.line}: already has the INFO field {min(held).decode()}; use "
            "overwrite_fields=true to replace it, or another prefix="
        )
