"""A scored VCF as evaluate reads it: two classes of alleles, and every score by which they may be told apart."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from genolong.commands.evaluation.evaluation_settings import EvaluationSettings
from genolong.commands.evaluation.kmer_effects import KmerEffects, kmer_effects
from genolong.commands.evaluation.measuring import Follow
from genolong.commands.reading.trained_run import TrainedRun
from genolong.commands.variants.effect_fields import EffectFields
from genolong.errors import InputError
from genolong.genome.vcf import Record, VcfReader
from genolong.genome.vcf_header import info_types
from genolong.loading.label_classes import TwoClasses, two_classes
from genolong.loading.labelled_alleles import LabelledAlleles, read_alleles
from genolong.nearest import nearest

NUMERIC = ("Float", "Integer")
SHOWN = 12  # fields in a message
OFTEN = 4_096  # records after which it is told how far the reading is


class Score(NamedTuple):
    """What is higher where an allele is more likely positive: its name in figures, its title for people."""

    name: str
    title: str
    values: Float64[np.ndarray, " alleles"]


class ScoredVcf(NamedTuple):
    """Its name, its alleles of either class, scores that alleles of both have, and what people should be told.

    Where k-mers were asked, `kmers` is what they said, and of what.
    """

    name: str
    classes: TwoClasses
    scores: list[Score]
    notes: tuple[str, ...]
    kmers: KmerEffects | None


def read_scored(
    settings: EvaluationSettings, run: TrainedRun | None, follow: Follow,
    see: Callable[[Record], None] = lambda _: None,
) -> ScoredVcf:  # fmt: skip
    """Read labels and scores, and ask k-mers where there is a run; `see` is called with every record.

    Raises InputError for what is not there.
    """
    assert settings.vcf is not None and settings.label is not None
    with VcfReader(settings.vcf) as reader:
        declared = info_types(reader.header)
        fields = _score_fields(reader.name, declared, settings)
        advance = follow(f"reading {reader.name}", reader.bytes_total or 0)
        alleles = read_alleles(reader.name, _told(reader, advance, see), settings.label, fields, settings.strata)
        name = reader.name
    _refuse_absent(name, alleles, declared, settings)
    classes = two_classes(name, settings.label, alleles, settings.positives, settings.negatives)
    scores = [_of_field(field, classes.alleles, settings.prefix) for field in fields]
    notes, kmers = classes.notes, None
    if run is not None:
        kmers = kmer_effects(run, settings.data, classes.alleles.sites, follow)
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
    """Of predict's fields of that prefix the numeric ones that the header declares, then the baselines."""
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
    """Refuses a label, stratum or baseline that was asked for and that no allele has."""
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
            raise InputError(f"{name}: no{labelled} allele has a value of {field} ({setting}=){_hint(field, declared)}")


def _hint(field: str, declared: Collection[str]) -> str:
    """The end of a message about a field that no allele has."""
    if field in declared:
        return "; the header declares it, but no record fills it"
    return nearest(field, declared) or _declared(declared)


def _declared(declared: Collection[str]) -> str:
    return f"; the header declares {', '.join(list(declared)[:SHOWN])}" if declared else ""


def _told(reader: VcfReader, advance: Callable[[int], None], see: Callable[[Record], None]) -> Iterator[Record]:
    """Its records; now and then it is told how many bytes were read."""
    told = 0
    for number, record in enumerate(reader, start=1):
        see(record)
        yield record
        if number % OFTEN == 0:
            advance(reader.bytes_read - told)
            told = reader.bytes_read
    advance(reader.bytes_read - told)


def _of_field(field: str, alleles: LabelledAlleles, prefix: str) -> Score:
    """As it is; but of what predict writes, the log-likelihood ratio is low where an allele is likely positive."""
    values = alleles.scores[field]
    return Score(field, f"-{field}", -values) if field == f"{prefix}_LLR" else Score(field, field, values)


def _tells(score: Score, classes: TwoClasses) -> bool:
    known = ~np.isnan(score.values)
    return bool((known & classes.positive).any() and (known & ~classes.positive).any())
