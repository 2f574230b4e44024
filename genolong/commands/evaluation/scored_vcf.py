"""Reads a scored VCF for evaluate: alleles of two classes, and every score that may separate them."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from genolong.commands.evaluation.evaluation_settings import EvaluationSettings
from genolong.commands.evaluation.kmer_effects import KmerEffects, kmer_effects
from genolong.commands.reading.trained_run import TrainedRun
from genolong.commands.variants.effect_fields import EffectFields
from genolong.errors import InputError
from genolong.genome.vcf import Record, VcfReader
from genolong.genome.vcf_header import info_types
from genolong.loading.label_classes import TwoClasses, two_classes
from genolong.loading.labelled_alleles import LabelledAlleles, read_alleles
from genolong.long_work import follow
from genolong.nearest import nearest_field

NUMERIC = ("Float", "Integer")
OFTEN = 4_096  # records between updates of the progress


class Score(NamedTuple):
    """A score that is higher for likely positive alleles: its name in figures, its title for people, and its values."""

    name: str
    title: str
    values: Float64[np.ndarray, " alleles"]


class ScoredVcf(NamedTuple):
    """A VCF's name, its alleles of both classes, scores that both classes have, and notes for the user.

    `kmers` holds the results of the k-mer baseline, if it was used.
    """

    name: str
    classes: TwoClasses
    scores: list[Score]
    notes: tuple[str, ...]
    kmers: KmerEffects | None

    @property
    def title(self) -> str:
        """The file's name without its folder, and what the classes are."""
        return f"{Path(self.name).name}: {self.classes.title}"


def read_scored(
    settings: EvaluationSettings, run: TrainedRun | None, see: Callable[[Record], None] = lambda _: None
) -> ScoredVcf:
    """Reads labels and scores, and adds the k-mer baseline if there is a run; calls `see` with every record.

    Raises InputError if the label, stratum or scores are missing.
    """
    assert settings.vcf is not None and settings.label is not None
    with VcfReader(settings.vcf) as reader:
        declared = info_types(reader.header)
        fields = _score_fields(reader.name, declared, settings)
        advance = follow(f"reading {reader.name}", reader.bytes_total or 0)
        records = _told(reader, advance, see)
        alleles = read_alleles(reader.name, reader.header, records, settings.label, fields, settings.strata)
        name = reader.name
    _refuse_absent(name, alleles, declared, settings)
    classes = two_classes(name, settings.label, alleles, settings.positives, settings.negatives)
    scores = [_of_field(field, classes.alleles, settings.prefix) for field in fields]
    notes, kmers = classes.notes, None
    if run is not None:
        kmers = kmer_effects(run, settings.data, classes.alleles.sites, settings.synonyms)
        scores.append(Score("best_kmer", kmers.title, kmers.values))
        notes = (*notes, *kmers.notes)
    kept = [score for score in scores if _tells(score, classes)]
    if not kept:
        raise InputError(
            f"{name}: none of {', '.join(fields)} has a value for a positive and for a negative allele, so there is "
            f"nothing to compare; were these variants scored (the field {settings.prefix}_STATUS says why not)?"
        )
    dropped = tuple(
        f"{score.title} has no figures: no positive allele has a value, or no negative one"
        for score in scores
        if not _tells(score, classes)
    )
    return ScoredVcf(name, classes, kept, (*notes, *dropped), kmers)


def _score_fields(name: str, declared: Mapping[str, str], settings: EvaluationSettings) -> list[str]:
    """The numeric fields of predict (with this prefix) that the header declares, then the baselines."""
    predicted = EffectFields(settings.prefix, with_distance=True).ids
    own = [field for field, kind in declared.items() if kind in NUMERIC and field in predicted]
    if not own and not settings.baseline_fields:
        raise InputError(
            f"{name}: has no scores: no numeric INFO field {settings.prefix}_... is declared; run predict first "
            f"(python -m genolong predict model=RUN vcf={settings.vcf} output=scored.vcf.gz), or name other fields "
            "(baselines=, prefix=)"
        )
    return list(dict.fromkeys((*own, *settings.baseline_fields)))


def _refuse_absent(
    name: str, alleles: LabelledAlleles, declared: Mapping[str, str], settings: EvaluationSettings
) -> None:
    """Raises InputError for a requested label, stratum or baseline that no allele has."""
    asked = [("label", settings.label, bool(alleles.label.texts))]
    if alleles.label.texts:
        asked += [("strata", settings.strata, settings.strata is None or bool(alleles.stratum.counts()))]
        asked += [
            ("baselines", field, not np.isnan(alleles.scores[field]).all()) for field in settings.baseline_fields
        ]  # fmt: skip
    for setting, field, found in asked:
        if not found:
            assert field is not None
            labelled = "" if setting == "label" else " labelled"
            raise InputError(
                f"{name}: no{labelled} allele has a value of {field} ({setting}=){nearest_field(field, declared)}"
            )


def _told(reader: VcfReader, advance: Callable[[int], None], see: Callable[[Record], None]) -> Iterator[Record]:
    """The VCF's records; reports progress in bytes from time to time."""
    told = 0
    for number, record in enumerate(reader, start=1):
        see(record)
        yield record
        if number % OFTEN == 0:
            advance(reader.bytes_read - told)
            told = reader.bytes_read
    advance(reader.bytes_read - told)


def _of_field(field: str, alleles: LabelledAlleles, prefix: str) -> Score:
    """A field as a score; the sign of predict's LLR is flipped, since it is low for likely positive alleles."""
    values = alleles.scores[field]
    return Score(field, f"-{field}", -values) if field == f"{prefix}_LLR" else Score(field, field, values)


def _tells(score: Score, classes: TwoClasses) -> bool:
    known = ~np.isnan(score.values)
    return bool((known & classes.positive).any() and (known & ~classes.positive).any())
