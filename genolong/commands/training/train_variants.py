"""`train task=variant_effect`: from labelled variants and a trained model to a run folder with a variant head."""

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from jaxtyping import Bool
from torch import Tensor

from genolong.commands.reading.heads_training import KEY
from genolong.commands.training.checkpoints import Checkpoints
from genolong.commands.training.heap import prepare_heap
from genolong.commands.training.legs import End, left_after
from genolong.commands.training.placed import placed, refuse_other_model_than_the_first
from genolong.commands.training.progress import TrainingProgress
from genolong.commands.training.resuming import Wanted
from genolong.commands.training.run_folder import RunFolder
from genolong.commands.training.trainer import Devices, check_machine, fit, make_loggers, make_trainer
from genolong.commands.training.tuned_step import check_tuned_memory, kept_blocks, tuned_step
from genolong.commands.training.variant_data import VariantData
from genolong.commands.training.variant_training_settings import VariantTrainSettings
from genolong.genome.edit import Variant
from genolong.kept_memory import keep_freed_memory
from genolong.loading.labelled_variants import LabelledVariants
from genolong.loading.variant_batches import FeatureRows, VariantDataModule, WindowPairs
from genolong.loading.variant_split import VariantSplit
from genolong.loading.windows import absolute
from genolong.long_work import follow
from genolong.model.masked_base_model import MaskedBaseModel
from genolong.model.torch_defaults import torch_defaults
from genolong.model.unfilled import unfilled
from genolong.model.variant_head import VariantHead
from genolong.parallel.place import Place
from genolong.parallel.strategy import SequenceParallelStrategy
from genolong.runs.checkpoint import weights_sha256
from genolong.runs.checkpoint_io import RunCheckpointIO
from genolong.runs.lock import held
from genolong.runs.record import started
from genolong.tasks.known_answers import known_answers
from genolong.tasks.trained_effect import FrozenEffect, TunedEffect, held_out_figures
from genolong.tasks.variant_effect import VariantScorer

logger = logging.getLogger(__name__)

READ_AT_ONCE = 512  # alleles read at once


@dataclass(frozen=True, eq=False)
class VariantTraining:
    """A finished training: its folder, the module with the head, how alleles were split, and record.json's content."""

    folder: Path
    module: FrozenEffect
    trainer: pl.Trainer
    labelled: LabelledVariants
    split: VariantSplit
    record: dict[str, Any]


def train_variants(settings: VariantTrainSettings, folder: Path, end: End | None = None) -> VariantTraining:
    """Trains a head, and leaves config.yaml, record.json, metrics.csv and checkpoints in `folder`.

    `predict` accepts this folder like any other run, and also writes probabilities. With several devices, this process
    is the first of a new team, or one of those started by torchrun or SLURM. `end`: where it ends, if not after
    trainer.max_steps. Raises InputError or a subclass for anything that a user can fix, and Left if `end` stops it
    early.
    """
    work = settings.trainer.devices, settings.parallel, _train_variants, settings, folder, end
    with torch_defaults(), placed(*work, interrupts=2) as place:
        return _train_variants(place, settings, folder, end)


def _train_variants(
    place: Place, settings: VariantTrainSettings, folder: Path, end: End | None
) -> VariantTraining:  # fmt: skip
    check_machine(settings.trainer, settings.logger, place.local_size)
    read = VariantData.opened(place, settings)
    refuse_other_model_than_the_first(place, read.run.weights_sha256)
    if settings.encoder == "tuned":
        cuda = read.scorer.device.type == "cuda"
        check_tuned_memory(settings, read.run, place, cuda=cuda)
        prepare_heap(tuned_step(settings, read.run, place, cuda=cuda), place.local_size)
    else:
        keep_freed_memory()
    with held(folder) if place.rank == 0 else nullcontext():
        return _train_in(place, settings, folder, read, end)


def _train_in(
    place: Place, settings: VariantTrainSettings, folder: Path, read: VariantData, end: End | None
) -> VariantTraining:  # fmt: skip
    """The training, in a folder that is locked for this process."""
    base, parts = read.run, read.parts
    plain = asdict(settings.found_from_anywhere(base.checkpoint))
    record = {
        **started("train_variants", plain, read.inputs), "init_from_sha256": base.weights_sha256,
        "attention": base.model.encoder.kernels,
    }  # fmt: skip
    run = RunFolder.opened(place, _wanted(settings, read, plain), folder, record)
    start, log = run.start, run.log
    pl.seed_everything(settings.seed, workers=True, verbose=False)
    about = {
        **base.about, "variant_head": asdict(settings.head), "head_is": read.head_is,
        "head_vcf_sha256": read.inputs[absolute(settings.data.vcf)],
        KEY: {name: record[name] for name in ("settings", "inputs_sha256", "init_from_sha256")},
    }  # fmt: skip
    files = RunCheckpointIO(about, partial(known_answers, base.model.encoder.settings))
    checkpoints = Checkpoints(
        folder, settings.checkpoint, log, has_best=start.has_best, left_after=left_after(end)
    )  # fmt: skip
    strategy = SequenceParallelStrategy(place, read.scorer.shard) if place.size > 1 else None
    trainer = make_trainer(
        settings.trainer, make_loggers(settings.logger, folder, settings.run.name, log, start.step), files, checkpoints,
        TrainingProgress(settings.batch, "alleles"), 1, Devices(place, strategy), end,
    )  # fmt: skip
    with run.recorded(trainer):
        logger.info("reading the windows of all these alleles once, before the first step")
        zero_shot = _zero_shot(read)
        module, datamodule = _made(settings, read)
        fit(trainer, checkpoints, module, start.checkpoint, datamodule=datamodule)
    results = {
        "alleles": {"train": int(parts.train.sum()), "validation": int(parts.validation.sum())},
        "zero_shot": zero_shot,
        "weights_sha256": weights_sha256(module.state_dict()),
    }
    return VariantTraining(folder, module, trainer, read.labelled, parts, run.finish(trainer, results))


def _wanted(settings: VariantTrainSettings, read: VariantData, plain: dict[str, Any]) -> Wanted:
    """The training as requested, with the head on the meta device (shapes only)."""
    base = read.run
    with unfilled():
        head = VariantHead(settings.head, base.model.encoder.settings.width)
    shape = _module(settings, base.model, head, positive_weight=1.0)
    return Wanted(
        plain, read.inputs, shape.state_dict(), shape.configure_optimizers(), model=base.weights_sha256, said_at=KEY
    )


def _module(
    settings: VariantTrainSettings, model: MaskedBaseModel, head: VariantHead, *, positive_weight: float
) -> FrozenEffect:  # fmt: skip
    parts = model.encoder, model.head, head, settings.optimizer
    about: dict[str, Any] = {
        "positive_weight": positive_weight, "max_steps": settings.trainer.max_steps, "seed": settings.seed
    }  # fmt: skip
    if settings.encoder == "frozen":
        return FrozenEffect(*parts, **about)
    return TunedEffect(*parts, encoder_rate=settings.encoder_rate, **about)


def _zero_shot(read: VariantData) -> dict[str, float]:
    """AUROC and AUPRC of the LLR (mode=unmasked) on the held-out alleles, for which nothing is trained."""
    held_out = _chosen(read.labelled.variants, read.parts.validation)
    effects = read.scorer.score(held_out, follow("scoring held-out alleles", read.scorer.windows(held_out)))
    positive = torch.from_numpy(read.labelled.positive)[torch.from_numpy(read.parts.validation)]
    figures = held_out_figures(-torch.tensor([effect.llr for effect in effects]), positive)
    return {name: float(figures[name]) for name in ("auroc", "auprc")}


def _made(settings: VariantTrainSettings, read: VariantData) -> tuple[FrozenEffect, VariantDataModule]:
    """The module, and the batches to train and validate it."""
    around, model, scorer = settings.head.around, read.run.model, read.scorer
    head = VariantHead(settings.head, model.encoder.settings.width)
    train, validation = (
        _chosen(read.labelled.variants, chosen) for chosen in (read.parts.train, read.parts.validation)
    )
    positive = torch.from_numpy(read.labelled.positive)
    of_train, of_validation = (
        positive[torch.from_numpy(chosen)] for chosen in (read.parts.train, read.parts.validation)
    )
    features = _features(scorer, train, around)
    head.standardise(features)
    module = _module(settings, model, head, positive_weight=float((~of_train).sum() / of_train.sum()))
    if settings.encoder == "frozen":
        sets = FeatureRows(features, of_train), FeatureRows(_features(scorer, validation, around), of_validation)
    else:

        def pair(variant: Variant) -> Any:
            return scorer.windows_of(variant, around)

        sets = WindowPairs(train, of_train, pair), WindowPairs(validation, of_validation, pair)
        model.encoder.checkpoint_blocks = kept_blocks(settings, read.run)
    module.train()  # opened models are in eval mode
    return module, VariantDataModule(
        *sets, batch=settings.batch, max_steps=settings.trainer.max_steps, seed=settings.seed
    )  # fmt: skip


def _features(scorer: VariantScorer, variants: Sequence[Variant], around: Sequence[int]) -> Tensor:
    """Computes the features once, a group of alleles at a time: the states of a whole group are in memory at once."""
    parts, advance = [], follow("reading alleles", len(variants))
    for at in range(0, len(variants), READ_AT_ONCE):
        some = variants[at : at + READ_AT_ONCE]
        parts.append(scorer.features(some, around))
        advance(len(some))
    return torch.cat(parts).clone()  # a clone, since tensors from inference mode cannot be trained on


def _chosen(variants: Sequence[Variant], chosen: Bool[Any, " alleles"]) -> list[Variant]:
    return [variant for variant, wanted in zip(variants, chosen, strict=True) if wanted]
