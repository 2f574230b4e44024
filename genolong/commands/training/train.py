"""`train`: from a genome and settings to a run folder with a trained model."""

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from genolong.commands.reading.attention_choice import choose_attention
from genolong.commands.reading.file_titles import TITLES
from genolong.commands.reading.trained_before import BEFORE
from genolong.commands.training.begun_from import Begun, begun_before, begun_from
from genolong.commands.training.checkpoints import Checkpoints
from genolong.commands.training.heap import prepare_heap
from genolong.commands.training.legs import End, left_after
from genolong.commands.training.memory_check import check_memory
from genolong.commands.training.placed import placed, refuse_other_model_than_the_first
from genolong.commands.training.progress import TrainingProgress
from genolong.commands.training.resuming import Wanted
from genolong.commands.training.run_folder import RunFolder
from genolong.commands.training.trainer import (
    accelerator,
    across,
    check_machine,
    fit,
    make_loggers,
    make_trainer,
    precision_notes,
)
from genolong.commands.training.training_step import training_step
from genolong.genome.coordinates import match_contig
from genolong.genome.fasta import Genome
from genolong.genome.files.hashed import sha256_of
from genolong.loading.composition import composition
from genolong.loading.datamodule import GenomeDataModule
from genolong.loading.order import TrainingOrder
from genolong.loading.windows import Split, absolute, split
from genolong.model.attention.geometry import pairs_per_token
from genolong.model.torch_defaults import torch_defaults
from genolong.parallel.place import Place
from genolong.runs.checkpoint import load_weights, weights_sha256
from genolong.runs.checkpoint_io import RunCheckpointIO
from genolong.runs.lock import held
from genolong.runs.record import started
from genolong.settings import TrainSettings
from genolong.tasks.known_answers import known_answers
from genolong.tasks.masked_bases import MaskedBases

logger = logging.getLogger(__name__)

ABOUT = ("settings", "inputs_sha256", "regions_sha256", TITLES, "init_from_sha256", BEFORE)  # in checkpoints, too


@dataclass(frozen=True, eq=False)
class Training:
    """A finished training: its folder, the trained model, all that it was made with, and the content of record.json."""

    folder: Path
    model: MaskedBases
    trainer: pl.Trainer
    datamodule: GenomeDataModule
    genome: Genome
    split: Split
    record: dict[str, Any]


def train(settings: TrainSettings, folder: Path, end: End | None = None) -> Training:
    """Trains a model, and leaves config.yaml, record.json, metrics.csv and checkpoints in `folder`.

    With several devices, this process is the first of a new team, or one of those started by torchrun or SLURM. `end`:
    where it ends, if not after trainer.max_steps. Raises InputError or a subclass for anything that a user can fix, and
    Left if `end` stops it early.
    """
    work = settings.trainer.devices, settings.parallel, _train, settings, folder, end
    with torch_defaults(), placed(*work, interrupts=2) as place:
        return _train(place, settings, folder, end)


def _train(place: Place, settings: TrainSettings, folder: Path, end: End | None) -> Training:
    genome = Genome.open(settings.data.fasta, settings.data.cache)
    settings = replace(with_window(settings, genome), data=settings.data.found_from_anywhere())
    window_bp = settings.context.window_bp
    assert window_bp is not None
    settings.model.check_window(window_bp, settings.parallel.sequence)
    parts = split(genome, settings.data, window_bp)
    check_machine(settings.trainer, settings.logger, place.local_size)
    cuda = accelerator(settings.trainer, place.local_size) == "cuda"
    check_memory(settings, cuda=cuda, processes=place.local_size)
    prepare_heap(training_step(settings, cuda=cuda), place.local_size)
    order = TrainingOrder(
        genome, parts.train, window_bp, settings.data.min_known, settings.data.reverse_complement, settings.seed
    )
    begun = begun_before(settings, folder) or begun_from(settings, genome)
    if begun is not None:
        settings = replace(settings, init_from=begun.model)
        refuse_other_model_than_the_first(place, begun.sha256)
    sides = f"training on {parts.for_training}", f"validating on {parts.held_out}"
    told = (*genome.notes, *sides, *parts.notes, *order.notes, *(begun.notes if begun else ()))
    for note in told if place.rank == 0 else ():
        logger.info(note)
    with held(folder) if place.rank == 0 else nullcontext():
        return _train_in(place, settings, folder, genome, parts, order, told, begun, end)


def _train_in(
    place: Place, settings: TrainSettings, folder: Path, genome: Genome, parts: Split, order: TrainingOrder,
    told: Sequence[str], begun: Begun | None, end: End | None,
) -> Training:  # fmt: skip
    """The training, in a folder that is locked for this process."""
    plain = asdict(settings)
    pl.seed_everything(settings.seed, workers=True, verbose=False)
    model = MaskedBases(
        settings.model, settings.task, settings.optimizer, max_steps=settings.trainer.max_steps, seed=settings.seed,
        checkpoint_blocks=settings.context.checkpoint_blocks,
    )  # fmt: skip
    if begun is not None and begun.weights is not None:
        model.load_state_dict(begun.weights)
    cuda = accelerator(settings.trainer, place.local_size) == "cuda"
    notes = choose_attention(model.encoder, settings.trainer.attention, cuda=cuda)
    for note in (*notes, *precision_notes(settings.trainer, place.local_size)) if place.rank == 0 else ():
        logger.info(note)
    inputs = {absolute(path): sha256 for path, sha256 in genome.sha256.items()}
    beds = {path: sha256_of(path) for path in settings.data.beds}
    record = {
        **started("train", plain, inputs, beds), "attention": model.encoder.kernels,
        "split": composition(genome, parts, told), **({TITLES: genome.titles} if genome.titles else {}),
        **({} if begun is None else {"init_from_sha256": begun.sha256, BEFORE: begun.before}),
    }  # fmt: skip
    model_sha256 = None if begun is None else begun.sha256
    run = RunFolder.opened(
        place,
        Wanted(plain, inputs, model.state_dict(), model.configure_optimizers(), beds, genome.titles, model_sha256),
        folder,
        record,
    )  # nothing keeps the optimizer, whose state is read to see whether it fits
    start, log = run.start, run.log
    datamodule = GenomeDataModule(
        order, parts.validation, settings.task.masking, batch=settings.context.batch,
        accumulation=settings.context.accumulation, max_steps=settings.trainer.max_steps,
        workers=settings.data.workers_beside(cuda=cuda),
    )  # fmt: skip
    checkpoints = Checkpoints(
        folder, settings.checkpoint, log, has_best=start.has_best, left_after=left_after(end)
    )  # fmt: skip
    about = {name: record[name] for name in ABOUT if name in record}
    trainer = make_trainer(
        settings.trainer, make_loggers(settings.logger, folder, settings.run.name, log, start.step),
        RunCheckpointIO(about, partial(known_answers, settings.model)), checkpoints,
        TrainingProgress(bases_per_step(settings)), settings.context.accumulation, across(place, settings), end,
    )  # fmt: skip
    _tell_plan(settings, model)
    with run.recorded(trainer):
        fit(trainer, checkpoints, model, start.checkpoint, datamodule=datamodule)
    if start.checkpoint and start.step == trainer.max_steps and settings.trainer.ema_decay:
        model.load_state_dict(load_weights(start.checkpoint)[1])  # the mean; it replaces the weights only at the end
    if trainer.global_step < trainer.max_steps and end is None:
        logger.info("stopped by trainer.max_time after %d of %d steps", trainer.global_step, trainer.max_steps)
    results = {
        "bases": trainer.global_step * bases_per_step(settings),
        "weights_sha256": weights_sha256(trainer.strategy.lightning_module_state_dict()),
    }
    return Training(folder, model, trainer, datamodule, genome, parts, run.finish(trainer, results))


def with_window(settings: TrainSettings, genome: Genome) -> TrainSettings:
    """The settings with the window filled in: context=chromosome chooses the longest that still leaves one to hold out.

    If contigs are held out by name, that is the longest window that fits into one of them and into one of the others;
    otherwise half of the longest contig.
    """
    if settings.context.window_bp is not None:
        return settings
    lengths = genome.lengths
    named = [] if settings.data.validation is None or settings.data.validation_bed else settings.data.validation_contigs
    held = {found for name in named if (found := match_contig(name, lengths)) is not None}
    sides = [max(lengths[name] for name in side) for side in (held, set(lengths) - held) if side]
    window_bp = min(sides) if held else sides[0] // 2
    return replace(settings, context=replace(settings.context, window_bp=max(1, window_bp)))


def bases_per_step(settings: TrainSettings) -> int:
    """Bases read per optimizer step, by all devices together."""
    return settings.context.bases * (settings.trainer.devices // settings.parallel.sequence)


def _tell_plan(settings: TrainSettings, model: MaskedBases) -> None:
    window_bp = settings.context.window_bp
    assert window_bp is not None
    branches = settings.model.branches(window_bp)
    shown = " ".join(f"{branch.segment}/{branch.dilation}" for branch in branches)
    size = sum(weight.numel() for weight in model.parameters())
    logger.info(
        "model of %s parameters, window %s bases, %s bases a step; attention segments/dilations %s: %.0f pairs a base",
        f"{size:,}", f"{window_bp:,}", f"{bases_per_step(settings):,}", shown, pairs_per_token(branches),
    )  # fmt: skip
