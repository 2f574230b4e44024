"""`predict`: a VCF in, the same VCF out, with what a trained model makes of every allele."""

from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from genolong.commands.checked_records import RecordChecks
from genolong.commands.effect_fields import EffectFields
from genolong.commands.predict_progress import Watch
from genolong.commands.predict_settings import GenomeSettings, PredictSettings
from genolong.commands.prediction_work import PredictionWork
from genolong.commands.trained_run import TrainedRun, open_run
from genolong.errors import InputError, MissingInputError, SettingsError
from genolong.genome.alleles import AlleleChecks, ContigNames, read_synonyms
from genolong.genome.fasta import Genome
from genolong.genome.tiles import GenomeTiles
from genolong.genome.vcf import VcfReader
from genolong.genome.vcf_header import declared_info, with_lines
from genolong.report.tally import Tally
from genolong.runs.checkpoint import weights_sha256
from genolong.tasks.variant_effect import ScoringSettings, VariantScorer


@dataclass(frozen=True)
class Prediction:
    """Where the scored VCF lies, what became of the alleles, and what people should be told."""

    output: str
    tally: Tally
    notes: tuple[str, ...]


def predict(settings: PredictSettings, watch: Watch | None = None) -> Prediction:
    """Write every record of a VCF with the scores of its alleles; an interrupted file is continued.

    Raises InputError (and its kinds) for whatever a person can mend.
    """
    watch = watch or Watch()
    run = open_run(settings.model)
    genome = open_genome(run, settings.data)
    window_bp = _window(settings.scoring, run)
    device = settings.trainer.torch_device
    scorer = VariantScorer(
        run.model.encoder, run.model.head, GenomeTiles(genome), settings.scoring, window_bp, device
    )  # fmt: skip
    fields = EffectFields(settings.prefix, scorer.with_distance)
    origin = {
        "version": version("genolong"), "model": run.name, "weights_sha256": weights_sha256(run.model.state_dict()),
        "fasta": ",".join(Path(path).name for path in genome.sha256), "fasta_sha256": ",".join(genome.sha256.values()),
        "mode": settings.scoring.mode, "window_bp": str(window_bp),
    }  # fmt: skip
    with ExitStack() as stack:
        reader = stack.enter_context(VcfReader(settings.vcf))
        _refuse_held_fields(reader, fields, settings)
        lines = [line for line in reader.header if not fields.is_own(line)]
        header = with_lines(lines, fields.header(origin, settings.scoring.flank), fields.keys)
        work = stack.enter_context(PredictionWork(settings, fields, origin, header))
        checks = RecordChecks(reader.name, _allele_checks(settings, scorer.tiles), work.tally, settings)
        watch.begin(reader.bytes_total, work.resumed_after)
        stack.callback(watch.end)
        for block in checks.blocks(work.rest_of(reader), settings.records_at_once):
            variants = [variant for checked in block for variant in checked.variants]
            watch.block(reader.bytes_read, scorer.windows(variants))
            work.write(block, scorer.score(variants, watch.advance))
            watch.done(work.tally)
        notes = (*genome.notes, *work.complete())
    return Prediction(settings.output, work.tally, notes)


def open_genome(run: TrainedRun, asked: GenomeSettings) -> Genome:
    """The genome that is named, or the run's own; raises InputError where that is not what it was in training."""
    own = [run.data.fasta] if isinstance(run.data.fasta, str) else run.data.fasta
    try:
        genome = Genome.open(asked.paths or own, asked.cache or run.data.cache)
    except MissingInputError as error:
        if asked.fasta:
            raise
        raise MissingInputError(f"the FASTA of the training is not there ({error}); name one (data.fasta=)") from error
    if not asked.fasta and set(genome.sha256.values()) != run.sha256:
        raise InputError(
            f"{', '.join(genome.sha256)}: its content has changed since the training; "
            "name the FASTA that the variants were called on (data.fasta=)"
        )
    return genome


def _window(scoring: ScoringSettings, run: TrainedRun) -> int:
    window_bp = scoring.window_bp or run.window_bp
    if scoring.longest_allele + 2 * scoring.flank > window_bp:
        raise SettingsError(
            f"scoring.longest_allele={scoring.longest_allele} with scoring.flank={scoring.flank} bases on either side "
            f"does not fit into the window of {window_bp:,}; lower it, or take a longer scoring.window_bp"
        )
    run.model.encoder.settings.branches(window_bp)  # refuses what the attention cannot span
    return window_bp


def _allele_checks(settings: PredictSettings, tiles: GenomeTiles) -> AlleleChecks:
    lengths = {name: contig.length for name, contig in tiles.genome.contigs.items()}
    synonyms = read_synonyms(settings.synonyms) if settings.synonyms else {}
    return AlleleChecks(ContigNames(lengths, synonyms), tiles.letters, settings.scoring.longest_allele)


def _refuse_held_fields(reader: VcfReader, fields: EffectFields, settings: PredictSettings) -> None:
    held = declared_info(reader.header) & fields.keys
    if held and not settings.overwrite_fields:
        raise InputError(
            f"{reader.name}: has the INFO field {min(held).decode()} already; "
            "take overwrite_fields=true to replace it, or another prefix="
        )
