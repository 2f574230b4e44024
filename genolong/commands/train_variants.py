"""`train task=variant_effect`: labelled variants and a trained model in, a run folder with a variant head out."""

import logging
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from jaxtyping import Bool
from omegaconf import OmegaConf
from torch import Tensor
from torch.utils.data import DataLoader

from genolong.commands.checkpoints import Checkpoints
from genolong.commands.opened_scorer import open_genome
from genolong.commands.placed import placed
from genolong.commands.progress import TrainingProgress
from genolong.commands.trained_run import TrainedRun, open_run
from genolong.commands.trainer import Devices, accelerator, check_machine, fit, make_loggers, make_trainer
from genolong.commands.variant_training_settings import LabelledDataSettings, VariantTrainSettings
from genolong.errors import InputError
from genolong.genome.alleles import AlleleChecks, ContigNames, read_synonyms
from genolong.genome.edit import Variant
from genolong.genome.tiles import GenomeTiles
from genolong.genome.vcf import VcfReader
from genolong.loading.label_classes import TwoClasses, two_classes
from genolong.loading.labelled_alleles import read_alleles
from genolong.loading.labelled_variants import LabelledVariants, read_labelled_variants
from genolong.loading.variant_batches import AllelesOfSteps, FeatureRows, WindowPairs
from genolong.loading.variant_split import VariantSplit, split_variants
from genolong.loading.windows import absolute
from genolong.model.variant_head import VariantHead
from genolong.parallel.place import Place
from genolong.parallel.shard import SequenceShard
from genolong.parallel.strategy import SequenceParallelStrategy
from genolong.runs.checkpoint import RunCheckpointIO, load_weights, weights_sha256
from genolong.runs.folder import check_new, make_folder
from genolong.runs.metrics_log import MetricsLog
from genolong.runs.record import finished, recorded, sha256_of, started, write_record
from genolong.tasks.known_answers import known_answers
from genolong.tasks.masked_bases import MaskedBases
from genolong.tasks.trained_effect import FrozenEffect, TunedEffect, held_out_figures
from genolong.tasks.variant_effect import ScoringSettings, VariantScorer

logger = logging.getLogger(__name__)

READ_AT_ONCE = 512  # alleles
LINE_EVERY_S = 30.0


@dataclass(frozen=True, eq=False)
class VariantTraining:
    """A finished training: its folder, the module with the head, how alleles were split, and record.json's content."""

    folder: Path
    module: FrozenEffect
    trainer: pl.Trainer
    labelled: LabelledVariants
    split: VariantSplit
    record: dict[str, Any]


def train_variants(settings: VariantTrainSettings, folder: Path) -> VariantTraining:
    """Train a head, and leave config.yaml, record.json, metrics.csv and checkpoints in `folder`.

    `predict` takes the folder as any other run, and writes probabilities too. With several devices, this process is the
    first of as many, or one of those that torchrun or SLURM started. Raises InputError (and its kinds) for whatever a
    person can mend.
    """
    with placed(settings.trainer.devices, settings.parallel, _train_variants, settings, folder, interrupts=2) as place:
        return _train_variants(place, settings, folder)


def _train_variants(place: Place, settings: VariantTrainSettings, folder: Path) -> VariantTraining:
    check_machine(settings.trainer, settings.logger, place.local_size)
    run = open_run(settings.init_from)
    genome = open_genome(run, settings.data)
    tiles = GenomeTiles(genome)
    assert isinstance(run.model, MaskedBases)
    run.model.encoder.settings.check_window(run.window_bp, place.size)
    segments = [branch.segment for branch in run.model.encoder.settings.branches(run.window_bp)]
    shard = SequenceShard.of_world(run.window_bp, place.size, segments)
    scorer = _scorer(settings, run, tiles, place, shard)
    classes = _classes(settings.data)
    names = ContigNames({name: contig.length for name, contig in genome.contigs.items()}, _synonyms(settings.data))
    labelled = _labelled(settings, classes, AlleleChecks(names, tiles.letters, settings.longest_allele))
    parts = split_variants(
        labelled.variants, names, settings.data.validation_contigs, settings.data.validation_share, run.window_bp
    )
    _tell(settings, classes, labelled, parts, run)
    plain = asdict(settings.found_from_anywhere(run.checkpoint))
    inputs = {absolute(path): sha256 for path, sha256 in genome.sha256.items()}
    inputs |= {absolute(path): sha256_of(path) for path in (settings.data.vcf, settings.data.synonyms) if path}
    record = {**started("train_variants", plain, inputs), "init_from_sha256": run.weights_sha256}
    if place.rank == 0:
        check_new(folder)
        make_folder(folder, Path(settings.run.folder, settings.run.name))
        OmegaConf.save(OmegaConf.create(plain), folder / "config.yaml")
        write_record(folder, record)
    pl.seed_everything(settings.seed, workers=True, verbose=False)
    head_is = f"{classes.title}, calibrated on {int(parts.validation.sum()):,} held-out alleles of " + (
        f"{Path(settings.data.vcf).name}"
    )
    stored, _ = load_weights(run.checkpoint)
    about = {**stored, "variant_head": asdict(settings.head), "head_is": head_is}
    files = RunCheckpointIO(about, partial(known_answers, run.model.encoder.settings))
    log = MetricsLog(folder / "metrics.csv")
    checkpoints = Checkpoints(folder, settings.checkpoint, log)
    trainer = make_trainer(
        settings.trainer, make_loggers(settings.logger, folder, settings.run.name, log, 0), files, checkpoints,
        TrainingProgress(settings.batch, "alleles"), 1,
        Devices(place, SequenceParallelStrategy(place, shard) if place.size > 1 else None),
    )  # fmt: skip
    logger.info("reading the windows of all these alleles once, before the first step")
    zero_shot = _zero_shot(scorer, labelled, parts)
    module, train, validation = _made(settings, run, scorer, labelled, parts)
    with recorded(folder, record, trainer) if place.rank == 0 else nullcontext():
        fit(trainer, checkpoints, module, train_dataloaders=train, val_dataloaders=validation)
    results = {
        "steps": trainer.global_step,
        "alleles": {"train": int(parts.train.sum()), "validation": int(parts.validation.sum())},
        "metrics": log.latest,
        "zero_shot": zero_shot,
        "weights_sha256": weights_sha256(module.state_dict()),
    }
    record = finished(record, results)
    if place.rank == 0:
        write_record(folder, record)
    return VariantTraining(folder, module, trainer, labelled, parts, record)


def _scorer(
    settings: VariantTrainSettings, run: TrainedRun, tiles: GenomeTiles, place: Place, shard: SequenceShard
) -> VariantScorer:  # fmt: skip
    """Reads the windows of alleles as predict will."""
    scoring = ScoringSettings(
        mode="unmasked", window_bp=None, spacing=1, flank=settings.head.flank, distance=False,
        longest_allele=settings.longest_allele, batch=None,
    )  # fmt: skip
    assert isinstance(run.model, MaskedBases)
    kind = accelerator(settings.trainer, place.local_size)
    device = torch.device(kind, place.local_rank) if kind == "cuda" else torch.device(kind)
    return VariantScorer(run.model.encoder, run.model.head, tiles, scoring, run.window_bp, device, shard=shard)


def _synonyms(data: LabelledDataSettings) -> dict[str, str]:
    return read_synonyms(data.synonyms) if data.synonyms else {}


def _classes(data: LabelledDataSettings) -> TwoClasses:
    """Which labels are positive and which negative."""
    with VcfReader(data.vcf) as reader:
        alleles = read_alleles(reader.name, reader, data.label, [], None)
        if not alleles.label.texts:
            raise InputError(f"{reader.name}: no allele has a value of {data.label} (data.label=)")
        return two_classes(reader.name, data.label, alleles, data.positives, data.negatives)


def _labelled(settings: VariantTrainSettings, classes: TwoClasses, checks: AlleleChecks) -> LabelledVariants:
    with VcfReader(settings.data.vcf) as reader:
        return read_labelled_variants(reader, settings.data.label, classes.positives, classes.negatives, checks)


def _tell(
    settings: VariantTrainSettings,
    classes: TwoClasses,
    labelled: LabelledVariants,
    parts: VariantSplit,
    run: TrainedRun,
) -> None:
    """What is trained on what; raises InputError where a side lacks a class."""
    for note in classes.notes:
        logger.info(note)
    for status, count in labelled.left_out.items():
        logger.info(f"left out {count:,} labelled alleles: {status}")
    for name, chosen in (("train", parts.train), ("validation", parts.validation)):
        positives = int((labelled.positive & chosen).sum())
        negatives = int((~labelled.positive & chosen).sum())
        logger.info(f"{name}: {positives:,} positive and {negatives:,} negative alleles")
        if not positives or not negatives:
            raise InputError(
                f"{settings.data.vcf}: {positives:,} positive and {negatives:,} negative alleles are left for {name}; "
                "wanted both; hold out other contigs (data.validation=) or another data.validation_share, or label more"
            )
    if parts.dropped:
        logger.info(
            f"neither: {parts.dropped:,} alleles whose window of {run.window_bp:,} bases could overlap a held-out one's"
        )


def _zero_shot(scorer: VariantScorer, labelled: LabelledVariants, parts: VariantSplit) -> dict[str, float]:
    """How well the LLR of mode=unmasked, for which nothing is trained, tells the held-out alleles apart."""
    effects = scorer.score(_chosen(labelled.variants, parts.validation))
    positive = torch.from_numpy(labelled.positive)[torch.from_numpy(parts.validation)]
    figures = held_out_figures(-torch.tensor([effect.llr for effect in effects]), positive)
    return {name: float(figures[name]) for name in ("auroc", "auprc")}


def _made(
    settings: VariantTrainSettings, run: TrainedRun, scorer: VariantScorer, labelled: LabelledVariants,
    parts: VariantSplit,
) -> tuple[FrozenEffect, DataLoader, DataLoader]:  # fmt: skip
    """The module, and batches to train and to validate it."""
    around = settings.head.around
    assert isinstance(run.model, MaskedBases)
    head = VariantHead(settings.head, run.model.encoder.settings.width)
    train, validation = (_chosen(labelled.variants, chosen) for chosen in (parts.train, parts.validation))
    positive = torch.from_numpy(labelled.positive)
    of_train, of_validation = (positive[torch.from_numpy(chosen)] for chosen in (parts.train, parts.validation))
    read = _features(scorer, train, around)
    head.standardise(read)
    about: dict[str, Any] = {
        "positive_weight": float((~of_train).sum() / of_train.sum()), "max_steps": settings.trainer.max_steps,
        "seed": settings.seed,
    }  # fmt: skip
    parts_of_module = run.model.encoder, run.model.head, head, settings.optimizer
    if settings.encoder == "frozen":
        module = FrozenEffect(*parts_of_module, **about)
        sets = FeatureRows(read, of_train), FeatureRows(_features(scorer, validation, around), of_validation)
    else:
        module = TunedEffect(*parts_of_module, encoder_rate=settings.encoder_rate, **about)

        def pair(variant: Variant) -> Any:
            return scorer.windows_of(variant, around)

        sets = WindowPairs(train, of_train, pair), WindowPairs(validation, of_validation, pair)
    steps = AllelesOfSteps(len(train), steps=settings.trainer.max_steps, batch=settings.batch, seed=settings.seed)
    module.train()  # a model is opened to be used
    return module, DataLoader(sets[0], batch_sampler=steps), DataLoader(sets[1], batch_size=settings.batch)


def _features(scorer: VariantScorer, variants: Sequence[Variant], around: Sequence[int]) -> Tensor:
    """Read once; a share of them at a time, for their windows' states are kept until then."""
    parts, told = [], time.monotonic()
    for at in range(0, len(variants), READ_AT_ONCE):
        parts.append(scorer.features(variants[at : at + READ_AT_ONCE], around))
        if time.monotonic() - told >= LINE_EVERY_S:
            told = time.monotonic()
            logger.info("read %s of %s alleles", f"{min(at + READ_AT_ONCE, len(variants)):,}", f"{len(variants):,}")
    return torch.cat(parts).clone()  # not made for inference only


def _chosen(variants: Sequence[Variant], chosen: Bool[Any, " alleles"]) -> list[Variant]:
    return [variant for variant, wanted in zip(variants, chosen, strict=True) if wanted]
