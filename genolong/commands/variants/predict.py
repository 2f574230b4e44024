"""`predict`: copies a VCF, and adds a trained model's scores for every allele."""

import logging
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

from genolong.commands.reading.inputs_kept import files_of, refuse_to_write_over
from genolong.commands.reading.opened_scorer import OpenedScorer, open_scorer
from genolong.commands.teamed import team_of
from genolong.commands.variants.checked_records import CheckedRecord, RecordChecks
from genolong.commands.variants.effect_fields import EffectFields
from genolong.commands.variants.predict_progress import Watch
from genolong.commands.variants.predict_settings import PredictSettings
from genolong.commands.variants.prediction_work import PredictionWork
from genolong.errors import InputError
from genolong.genome.alleles import AlleleChecks, ContigNames
from genolong.genome.edit import Variant
from genolong.genome.files.hashed import sha256_of
from genolong.genome.synonyms import read_synonyms
from genolong.genome.vcf import VcfReader
from genolong.genome.vcf_header import declared_info, with_lines
from genolong.loading.windows import absolute
from genolong.parallel.team import Team
from genolong.report.tally import Tally
from genolong.runs.record import beside, finished, forget, now, started, write_json
from genolong.tasks.variant_effect import VariantScorer

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prediction:
    """Where the scored VCF is, what became of the alleles, and notes for the user."""

    output: str
    tally: Tally
    notes: tuple[str, ...]


def predict(settings: PredictSettings, watch: Watch | None = None) -> Prediction | None:
    """Writes every record of a VCF with the scores of its alleles; an interrupted file is continued.

    Unless the VCF came through a pipe or went into one, a record for `reproduce` is written next to the output.

    Several processes (trainer.devices, torchrun, SLURM) share the scoring, and write what one process would; all but
    the first return None. Raises InputError or a subclass for anything that a user can fix.
    """
    watch = watch or Watch()
    with team_of(settings.trainer.devices, settings.parallel, _serve, settings) as team:
        opened = _open(settings, team)
        if team.place.rank:
            team.serve(opened.scorer.score)
            return None
        return _written(settings, watch, team, opened)


def _open(settings: PredictSettings, team: Team) -> OpenedScorer:
    opened = open_scorer(settings, settings, team.place)
    team.model = opened.run.weights_sha256
    return opened


def _serve(team: Team, settings: PredictSettings) -> None:
    team.serve(_open(settings, team).scorer.score)


def _written(settings: PredictSettings, watch: Watch, team: Team, opened: OpenedScorer) -> Prediction:
    begun = now()
    run, genome, scorer, notes = opened
    read = (*genome.sha256, *files_of(run))
    refuse_to_write_over("output", [settings.output], read)
    refuse_to_write_over("skipped_to", [settings.skipped_to], read)
    for note in run.caveats(scorer.device):
        logger.warning(note)
    fields = EffectFields(settings.prefix, scorer.with_distance, run.head_is)
    origin = {
        "version": version("genolong"), "model": run.name, "weights_sha256": run.weights_sha256,
        "fasta": ",".join(Path(path).name for path in genome.sha256), "fasta_sha256": ",".join(genome.sha256.values()),
        "mode": settings.mode, "precision": settings.precision, "window_bp": str(scorer.window_bp),
    }  # fmt: skip
    with ExitStack() as stack:
        reader = stack.enter_context(VcfReader(settings.vcf))
        _refuse_held_fields(reader, fields, settings)
        lines = [line for line in reader.header if not fields.is_own(line)]
        header = with_lines(lines, fields.header(origin, settings.flank), fields.keys)
        work = stack.enter_context(PredictionWork(settings, fields, origin, header))
        if run.head_vcf_sha256 and run.head_vcf_sha256 == work.hashes.get("vcf"):
            logger.warning(
                f"{reader.name} is the VCF that the head of this run was trained on: {settings.prefix}_PROB looks "
                "better here than it is elsewhere; figures for held-out alleles are in the record of its training"
            )
        checks = RecordChecks(reader.name, _allele_checks(settings, scorer), work.tally, settings)
        watch.begin(reader.bytes_total, work.resumed_after)
        stack.callback(watch.end)
        blocks = _Blocks(checks.blocks(work.rest_of(reader), settings.records_at_once), reader, scorer, watch)
        for effects in team.lead(partial(scorer.score, advance=watch.advance), blocks.variants()):
            work.write(blocks.next_read(), effects)
            watch.done(work.tally)
        notes = (*notes, *work.complete(), *work.tally.lost_contigs([*genome.contigs]))
    if work.can_be_repeated:
        _record(settings, opened, work, begun)
    else:
        forget(Path(settings.output))
    return Prediction(settings.output, work.tally, notes)


def _record(settings: PredictSettings, opened: OpenedScorer, work: PredictionWork, begun: str) -> None:
    """Writes the record next to the output."""
    settings = settings.found_from_anywhere(opened.run.checkpoint)
    inputs = {absolute(path): sha256 for path, sha256 in opened.genome.sha256.items()}
    inputs |= {getattr(settings, name): sha256 for name, sha256 in work.hashes.items() if sha256 is not None}
    record = {
        **started("predict", asdict(settings), inputs, begun=begun), "model_sha256": opened.run.weights_sha256,
        "attention": opened.run.model.encoder.kernels,
    }  # fmt: skip
    if opened.run.head_vcf_sha256:
        record["head_vcf_sha256"] = opened.run.head_vcf_sha256
    output = Path(settings.output)
    results = {"output_sha256": sha256_of(output), "alleles": work.tally.as_json()}
    write_json(beside(output), finished(record, results))


class _Blocks:
    """Blocks of records in order: read, handed out for scoring, and taken back for writing."""

    def __init__(
        self, blocks: Iterator[list[CheckedRecord]], reader: VcfReader, scorer: VariantScorer, watch: Watch
    ) -> None:
        self._blocks, self._reader, self._scorer, self._watch = blocks, reader, scorer, watch
        self._handed: deque[list[CheckedRecord]] = deque()

    def variants(self) -> Iterator[list[Variant]]:
        """The variants to score in each block."""
        for block in self._blocks:
            variants = [variant for checked in block for variant in checked.variants]
            self._watch.block(self._reader.bytes_read, self._scorer.windows(variants))
            self._handed.append(block)
            yield variants

    def next_read(self) -> list[CheckedRecord]:
        """The first block that was not yet taken back."""
        return self._handed.popleft()


def _allele_checks(settings: PredictSettings, scorer: VariantScorer) -> AlleleChecks:
    tiles = scorer.tiles
    lengths = tiles.genome.lengths
    synonyms = read_synonyms(settings.synonyms, lengths)
    return AlleleChecks(ContigNames(lengths, synonyms), tiles.letters, scorer.longest_allele)


def _refuse_held_fields(reader: VcfReader, fields: EffectFields, settings: PredictSettings) -> None:
    held = declared_info(reader.header) & fields.keys
    if held and not settings.overwrite_fields:
        raise InputError(
            f"{reader.name}: already has the INFO field {min(held).decode()}; "
            "use overwrite_fields=true to replace it, or another prefix="
        )
