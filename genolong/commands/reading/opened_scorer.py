"""Opens a model and a genome to score variants, in the same way in every process that takes part."""

from typing import NamedTuple

from genolong.commands.reading.opened_model import open_model
from genolong.commands.reading.reading_check import FREE, Reading, check_reading
from genolong.commands.reading.reading_settings import ReadingSettings
from genolong.commands.reading.trained_run import TrainedRun
from genolong.errors import SettingsError
from genolong.genome.fasta import Genome
from genolong.parallel.place import Place
from genolong.tasks.variant_effect import ScoringSettings, VariantScorer


class OpenedScorer(NamedTuple):
    """A scorer, and the run and genome it was opened from."""

    run: TrainedRun
    genome: Genome
    scorer: VariantScorer
    notes: tuple[str, ...]


def open_scorer(settings: ReadingSettings, scoring: ScoringSettings, place: Place) -> OpenedScorer:
    """Opens the scorer, in all processes at once; groups of parallel.sequence processes share each window.

    Raises InputError or a subclass if the model or the genome cannot be used.
    """
    opened = open_model(settings, scoring.window_bp, place)
    run = opened.run
    _check_window(scoring, opened.window_bp, run)
    scorer = VariantScorer(
        run.model.encoder, run.model.head, opened.tiles, scoring, opened.window_bp, opened.device, run.variant_head,
        opened.shard,
    )  # fmt: skip
    if settings.trainer.check_memory:
        reading = Reading(
            scorer.encoder, scorer.window_bp, scorer.batch, settings.parallel.sequence, scorer.device.type
        )
        free = [name for name in FREE if name != "window_bp" or run.variant_head is None]  # a head needs its own
        check_reading(reading, place.local_size, free=free)
    return OpenedScorer(run, opened.genome, scorer, (*opened.notes, *_too_long(scorer)))


def _check_window(asked: ScoringSettings, window_bp: int, run: TrainedRun) -> None:
    if run.variant_head is not None:
        for name, value, trained in (
            ("window_bp", window_bp, run.window_bp), ("flank", asked.flank, run.variant_head.settings.flank)
        ):  # fmt: skip
            if value != trained:
                raise SettingsError(
                    f"{name}={value}: the variant head of this run was trained with {trained}; use that"
                )
    asked.check_window(window_bp)


def _too_long(scorer: VariantScorer) -> tuple[str, ...]:
    if scorer.longest_allele == scorer.settings.longest_allele:
        return ()
    return (
        f"alleles of more than {scorer.longest_allele:,} bases, with flank={scorer.settings.flank} on either side, do "
        f"not fit into the window of {scorer.window_bp:,}: they get the status too_long",
    )
