"""A trained model and a genome, opened to be read with, the same in every process that takes part."""

from typing import NamedTuple

import torch

from genolong.commands.reading.reading_choice import choose_reading
from genolong.commands.reading.reading_settings import GenomeSettings, ReadingSettings
from genolong.commands.reading.trained_run import TrainedRun, open_run
from genolong.errors import InputError, MissingInputError
from genolong.genome.fasta import Genome
from genolong.genome.tiles import GenomeTiles
from genolong.parallel.place import Place
from genolong.parallel.shard import SequenceShard


class OpenedModel(NamedTuple):
    """What reads windows of `window_bp`, of which this process holds `shard`, and what people should be told."""

    run: TrainedRun
    genome: Genome
    tiles: GenomeTiles
    window_bp: int
    device: torch.device
    shard: SequenceShard
    notes: tuple[str, ...]


def open_model(settings: ReadingSettings, window_bp: int | None, place: Place) -> OpenedModel:
    """Opened in all processes at the same time, of which each group of parallel.sequence shares the windows.

    No `window_bp`: as in training. Raises InputError (and its kinds) where the model or the genome cannot be used.
    """
    run = open_run(settings.model)
    genome = open_genome(run, settings.data)
    window_bp, sequence = window_bp or run.window_bp, settings.parallel.sequence
    encoder, device = run.model.encoder, settings.trainer.torch_device(place.local_rank)
    notes = choose_reading(encoder, settings.trainer.attention, settings.precision, cuda=device.type == "cuda")
    if sequence > 1:
        encoder.settings.check_window(window_bp, sequence)
    shard = encoder.settings.shard(window_bp, sequence)
    return OpenedModel(run, genome, GenomeTiles(genome), window_bp, device, shard, (*genome.notes, *notes))


def open_genome(run: TrainedRun, asked: GenomeSettings) -> Genome:
    """The genome that is named, or the run's own; raises InputError where that is not what it was in training."""
    try:
        genome = Genome.open(asked.paths or run.data.paths, asked.cache or run.data.cache)
    except MissingInputError as error:
        if asked.fasta:
            raise
        raise MissingInputError(f"the FASTA used for training is missing ({error}); name one (data.fasta=)") from error
    if not asked.fasta and set(genome.sha256.values()) != run.sha256:
        raise InputError(
            f"{', '.join(genome.sha256)}: its content has changed since the training; "
            "name the FASTA that the variants were called on (data.fasta=)"
        )
    return genome
