"""Opens a trained model and a genome, in the same way in every process that takes part."""

from typing import NamedTuple

import torch

from genolong.commands.reading.reading_choice import choose_reading
from genolong.commands.reading.reading_settings import GenomeSettings, ReadingSettings
from genolong.commands.reading.trained_run import TrainedRun, open_run
from genolong.errors import InputError, MissingInputError
from genolong.genome.fasta import Genome
from genolong.genome.tiles import GenomeTiles
from genolong.kept_memory import keep_freed_memory
from genolong.model.encoder import shard_of
from genolong.parallel.place import Place
from genolong.parallel.shard import SequenceShard


class OpenedModel(NamedTuple):
    """An opened model and genome for windows of `window_bp`, this process's `shard` of them, and notes for the user."""

    run: TrainedRun
    genome: Genome
    tiles: GenomeTiles
    window_bp: int
    device: torch.device
    shard: SequenceShard
    notes: tuple[str, ...]


def open_model(settings: ReadingSettings, window_bp: int | None, place: Place) -> OpenedModel:
    """Opens model and genome, in all processes at once; groups of parallel.sequence processes share each window.

    `window_bp` None: as in training. Raises InputError or a subclass if the model or the genome cannot be used.
    """
    keep_freed_memory()
    run = open_run(settings.model)
    genome = open_genome(run, settings.data)
    window_bp, sequence = window_bp or run.window_bp, settings.parallel.sequence
    encoder, device = run.model.encoder, settings.trainer.torch_device(place.local_rank)
    if device.type == "cuda":
        torch.cuda.set_device(device)  # NCCL sends from the current one
    notes = choose_reading(encoder, settings.trainer.attention, settings.precision, cuda=device.type == "cuda")
    if sequence > 1:
        encoder.settings.check_window(window_bp, sequence)
    shard = shard_of(encoder.settings, window_bp, sequence)
    return OpenedModel(run, genome, GenomeTiles(genome), window_bp, device, shard, (*genome.notes, *notes))


def open_genome(run: TrainedRun, asked: GenomeSettings) -> Genome:
    """The requested genome, or the run's own; raises InputError if the run's own has changed since training."""
    own, sha256 = run.own_fasta
    try:
        genome = Genome.open(asked.paths or own, asked.cache or run.data.cache)
    except MissingInputError as error:
        if asked.fasta:
            raise
        raise MissingInputError(f"the FASTA used for training is missing ({error}); name one (data.fasta=)") from error
    if not asked.fasta and set(genome.sha256.values()) != sha256:
        raise InputError(
            f"{', '.join(genome.sha256)}: its content has changed since the training; "
            "name the FASTA that the variants were called on (data.fasta=)"
        )
    return genome
