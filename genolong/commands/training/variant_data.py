"""The data for training a variant head: an opened model, labelled alleles in two parts, and all inputs' hashes."""

import logging
from pathlib import Path
from typing import NamedTuple

import torch

from genolong.commands.reading.opened_model import open_genome
from genolong.commands.reading.precision_choice import MIXED
from genolong.commands.reading.reading_check import Reading, check_reading
from genolong.commands.reading.reading_choice import choose_reading
from genolong.commands.reading.trained_run import TrainedRun, open_run
from genolong.commands.training.trainer import accelerator
from genolong.commands.training.variant_training_settings import LabelledDataSettings, VariantTrainSettings
from genolong.counted import counted
from genolong.errors import InputError
from genolong.genome.alleles import AlleleChecks, ContigNames
from genolong.genome.files.hashed import sha256_of
from genolong.genome.synonyms import read_synonyms
from genolong.genome.tiles import GenomeTiles
from genolong.genome.vcf import VcfReader
from genolong.genome.vcf_header import info_types
from genolong.loading.label_classes import TwoClasses, two_classes
from genolong.loading.labelled_alleles import read_alleles
from genolong.loading.labelled_variants import LabelledVariants, read_labelled_variants
from genolong.loading.variant_split import VariantSplit, split_variants
from genolong.loading.windows import absolute
from genolong.model.encoder import shard_of
from genolong.nearest import nearest_field
from genolong.parallel.place import Place
from genolong.parallel.shard import SequenceShard
from genolong.tasks.variant_effect import ScoringSettings, VariantScorer

logger = logging.getLogger(__name__)


class VariantData(NamedTuple):
    """An opened model, and labelled alleles split for training and validation.

    `inputs` maps all files that are read to their sha256; `head_is` says what the head's probabilities mean.
    """

    run: TrainedRun
    scorer: VariantScorer
    labelled: LabelledVariants
    parts: VariantSplit
    inputs: dict[str, str]
    head_is: str

    @classmethod
    def opened(cls, place: Place, settings: VariantTrainSettings) -> "VariantData":
        """Opens everything in all processes at once, and logs what it is; raises InputError or a subclass."""
        run = open_run(settings.init_from, "init_from")
        genome = open_genome(run, settings.data)
        tiles = GenomeTiles(genome)
        run.model.encoder.settings.check_window(run.window_bp, place.size)
        cuda = accelerator(settings.trainer, place.local_size) == "cuda"
        precision = MIXED if settings.trainer.precision == MIXED else "32-true"  # auto: as in predict
        for note in choose_reading(run.model.encoder, settings.trainer.attention, precision, cuda=cuda):
            logger.info(note)
        shard = shard_of(run.model.encoder.settings, run.window_bp, place.size)
        scorer = _scorer(settings, run, tiles, place, shard)
        if settings.trainer.check_memory:
            reading = Reading(scorer.encoder, run.window_bp, scorer.batch, place.size, scorer.device.type)
            check_reading(reading, place.local_size, free=["parallel.sequence"])
        classes = _classes(settings.data)
        names = ContigNames(genome.lengths, read_synonyms(settings.data.synonyms, genome.lengths))
        labelled = _labelled(settings, classes, AlleleChecks(names, tiles.letters, scorer.longest_allele))
        parts = split_variants(
            labelled.variants, names, settings.data.validation_contigs, settings.data.validation_share, run.window_bp
        )
        _tell(settings, classes, labelled, parts, run)
        inputs = {absolute(path): sha256 for path, sha256 in genome.sha256.items()}
        inputs |= {absolute(path): sha256_of(path) for path in (settings.data.vcf, settings.data.synonyms) if path}
        head_is = f"{classes.title}, calibrated on {counted(int(parts.validation.sum()), 'held-out allele')} of " + (
            f"{Path(settings.data.vcf).name}"
        )
        return cls(run, scorer, labelled, parts, inputs, head_is)


def _scorer(
    settings: VariantTrainSettings, run: TrainedRun, tiles: GenomeTiles, place: Place, shard: SequenceShard
) -> VariantScorer:  # fmt: skip
    """A scorer that reads the windows of alleles as predict will."""
    scoring = ScoringSettings(
        mode="unmasked", window_bp=None, spacing=1, flank=settings.head.flank, distance=False,
        longest_allele=settings.longest_allele, batch=None,
    )  # fmt: skip
    scoring.check_window(run.window_bp)
    settings.head.check_window(run.window_bp)
    kind = accelerator(settings.trainer, place.local_size)
    device = torch.device(kind, place.local_rank) if kind == "cuda" else torch.device(kind)
    return VariantScorer(run.model.encoder, run.model.head, tiles, scoring, run.window_bp, device, shard=shard)


def _classes(data: LabelledDataSettings) -> TwoClasses:
    """Determines which labels are positive and which are negative."""
    with VcfReader(data.vcf) as reader:
        alleles = read_alleles(reader.name, reader.header, reader, data.label, [], None)
        if not alleles.label.texts:
            near = nearest_field(data.label, info_types(reader.header))
            raise InputError(f"{reader.name}: no allele has a value of {data.label} (data.label=){near}")
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
    """Logs what is trained on what; raises InputError if a part lacks one of the classes."""
    for note in (*run.unfinished, *classes.notes):
        logger.info(note)
    for status, count in labelled.left_out.items():
        logger.info(f"left out {counted(count, 'labelled allele')}: {status}")
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
            f"left out of both: {counted(parts.dropped, 'allele')} whose window of {run.window_bp:,} bases could "
            "overlap a held-out one's"
        )
