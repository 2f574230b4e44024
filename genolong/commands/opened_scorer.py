"""A model and a genome opened to score variants, the same in every process that takes part."""

from typing import NamedTuple

from genolong.commands.map_settings import MapSettings
from genolong.commands.memory_check import Reading, check_reading
from genolong.commands.predict_settings import GenomeSettings, PredictSettings
from genolong.commands.reading_choice import choose_reading
from genolong.commands.trained_run import TrainedRun, open_run
from genolong.errors import InputError, MissingInputError, SettingsError
from genolong.genome.fasta import Genome
from genolong.genome.tiles import GenomeTiles
from genolong.parallel.place import Place
from genolong.parallel.shard import SequenceShard
from genolong.parallel.team import Team
from genolong.tasks.masked_bases import MaskedBases
from genolong.tasks.variant_effect import ScoringSettings, VariantScorer


class OpenedScorer(NamedTuple):
    """What scores, and what it was opened from."""

    run: TrainedRun
    genome: Genome
    scorer: VariantScorer
    notes: tuple[str, ...]


def open_scorer(settings: PredictSettings | MapSettings, place: Place) -> OpenedScorer:
    """Opened in all processes at the same time, of which each group of parallel.sequence shares the windows.

    Raises InputError (and its kinds) where the model or the genome cannot be used.
    """
    run = open_run(settings.model)
    genome = open_genome(run, settings.data)
    model = run.model
    assert isinstance(model, MaskedBases)
    scoring = settings.scoring
    window_bp, device = _window(scoring, run), settings.trainer.torch_device(place.local_rank)
    notes = choose_reading(model, settings.trainer.attention, settings.precision, cuda=device.type == "cuda")
    sequence = settings.parallel.sequence
    segments = [branch.segment for branch in model.encoder.settings.branches(window_bp)]
    if sequence > 1:
        model.encoder.settings.check_window(window_bp, sequence)
    shard = SequenceShard.of_world(window_bp, sequence, segments)
    scorer = VariantScorer(
        model.encoder, model.head, GenomeTiles(genome), scoring, window_bp,
        device, run.variant_head, shard,
    )  # fmt: skip
    reading = Reading(scorer.encoder, window_bp, scorer.batch, sequence, device.type == "cuda")
    check_reading(reading, settings.trainer, place.local_size, any_window=run.variant_head is None)
    return OpenedScorer(run, genome, scorer, (*genome.notes, *_too_long(scorer), *notes))


def serve_scorer(team: Team, settings: PredictSettings) -> None:
    """What a new process of predict does."""
    team.serve(open_scorer(settings, team.place).scorer.score)


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


def _window(asked: ScoringSettings, run: TrainedRun) -> int:
    window_bp = asked.window_bp or run.window_bp
    if run.variant_head is not None:
        for name, value, trained in (
            ("window_bp", window_bp, run.window_bp), ("flank", asked.flank, run.variant_head.settings.flank)
        ):  # fmt: skip
            if value != trained:
                raise SettingsError(
                    f"{name}={value}: the variant head of this run was trained with {trained}; take that"
                )
    asked.check_window(window_bp)
    return window_bp


def _too_long(scorer: VariantScorer) -> tuple[str, ...]:
    if scorer.longest_allele == scorer.settings.longest_allele:
        return ()
    return (
        f"alleles of more than {scorer.longest_allele:,} bases, with flank={scorer.settings.flank} on either side, do "
        f"not fit into the window of {scorer.window_bp:,}: they get the status too_long",
    )
