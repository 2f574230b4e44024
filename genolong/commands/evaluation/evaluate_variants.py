"""`evaluate vcf=FILE label=FIELD`: how well the scores in a VCF separate its labelled variants."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from genolong.commands.evaluation.evaluated import (
    Evaluation,
    picture_of,
    record_evaluation,
    refuse_unwritable,
    write_figures,
)
from genolong.commands.evaluation.evaluation_settings import EvaluationSettings
from genolong.commands.evaluation.kmer_effects import fastas_of
from genolong.commands.evaluation.scored_vcf import ScoredVcf, read_scored
from genolong.commands.reading.inputs_kept import files_of, refuse_to_write_over
from genolong.commands.reading.trained_run import open_run
from genolong.errors import InputError
from genolong.report.calibration import calibration_bins, calibration_error, is_probability
from genolong.report.discrimination import ALLELES, Group, curves, discriminate
from genolong.report.discrimination_tables import labelled_tables
from genolong.report.figures import SHARE, Figure
from genolong.report.roc import Drawn, draw_roc
from genolong.report.variant_figures import COMMON
from genolong.runs.record import beside, now, read_record

logger = logging.getLogger(__name__)

LEAST_OF_STRATUM = 10  # alleles that each class must have
SHOWN = 5  # strata without figures that a note names


def evaluate_variants(settings: EvaluationSettings) -> Evaluation:
    """Compares every score of a VCF with its labels; writes the figures, and a picture next to them."""
    begun = now()
    assert settings.vcf is not None
    output = Path(settings.output or f"{settings.vcf}.evaluation.json").expanduser()
    picture = picture_of(output, "png")
    run = None if settings.model is None else open_run(settings.model)
    of_run = () if run is None else (*files_of(run), *fastas_of(run, settings.data))
    read = [path for path in (settings.vcf, settings.synonyms, *of_run) if path is not None]
    refuse_to_write_over("output", [output, picture, beside(output)], read)
    refuse_unwritable(output)
    scored = read_scored(settings, run)
    kmers = scored.kmers
    everything = np.ones(len(scored.classes.positive), bool)
    whole = measured("", scored, everything, 1, settings)
    common, apart = _common(scored, settings)
    strata, few = _strata(scored, settings)
    groups = (whole, *common, *strata)
    figures = (
        *_counts(whole), *(figure for group in groups for figure in group.figures()),
        *_calibration(scored, f"{settings.prefix}_PROB"),
    )  # fmt: skip
    files = (write_figures(output, figures), _draw(picture, scored, whole))
    about = {"model_sha256": kmers.model_sha256} if kmers else {}
    notes = (*scored.notes, *_learned(scored, settings), *apart, *few)
    record_evaluation(settings, output, kmers.sha256 if kmers else {}, [], about, notes, begun)
    for note in notes:
        logger.info(note)
    titles = {score.name: score.title for score in scored.scores}
    tables = labelled_tables(scored.title, groups, titles, draws=settings.bootstrap, strata=settings.strata)
    return Evaluation(figures, tuple(tables), notes, files)


def _learned(scored: ScoredVcf, settings: EvaluationSettings) -> Iterator[str]:
    """A caution about probabilities from a trained head, which may have learned from these very labels."""
    field = f"{settings.prefix}_PROB"
    if all(score.name != field for score in scored.scores):
        return
    record: Mapping[str, Any] = {}
    if settings.vcf not in (None, "-"):
        with suppress(InputError):  # a VCF may have no record
            record = read_record(beside(Path(settings.vcf).expanduser()))
    inputs = record.get("inputs_sha256")
    if isinstance(inputs, Mapping) and record.get("head_vcf_sha256") in inputs.values():
        yield (
            f"{field} is from a head trained on labels of this very VCF: its figures are better here than on alleles "
            "that it did not see; those are in the record of its training"
        )
    else:
        yield f"{field} is from a trained head: its figures mean nothing if it learned from these alleles"


def measured(
    name: str, scored: ScoredVcf, chosen: Bool[np.ndarray, " alleles"], least: int, settings: EvaluationSettings
) -> Group:
    """All scores on the chosen alleles; omits scores that fewer than `least` alleles of a class have."""
    positive = scored.classes.positive[chosen]
    found = {
        score.name: discriminate(
            positive, score.values[chosen], least=least, draws=settings.bootstrap, seed=settings.seed
        )
        for score in scored.scores
    }
    positives = int(positive.sum())
    kept = {score: each for score, each in found.items() if each is not None}
    return Group(name, positives, len(positive) - positives, kept)


def _common(scored: ScoredVcf, settings: EvaluationSettings) -> tuple[list[Group], tuple[str, ...]]:
    """The alleles that have every score; nothing if all scores have values for the same alleles."""
    missing = np.stack([np.isnan(score.values) for score in scored.scores])
    if (missing == missing[0]).all():
        return [], ()
    group = measured(COMMON, scored, ~np.logical_or.reduce(missing), 1, settings)
    if not group.found:
        return [], ("no figures for alleles that have all of these scores: one class has none",)
    return [group], ()


def _strata(scored: ScoredVcf, settings: EvaluationSettings) -> tuple[list[Group], tuple[str, ...]]:
    """The strata with enough alleles in both classes, largest first, and notes on the others."""
    if settings.strata is None:
        return [], ()
    stratum, positive = scored.classes.alleles.stratum, scored.classes.positive
    kept, few = [], []
    for text in stratum.counts():
        chosen = stratum.are(text)
        group = measured(f"{settings.strata}={text}", scored, chosen, LEAST_OF_STRATUM, settings)
        (kept if group.found else few).append(group)
    notes = []
    if few:
        shown = ", ".join(f"{each.name} ({each.positives:,} and {each.negatives:,})" for each in few[:SHOWN])
        more = f" and {len(few) - SHOWN:,} more" if len(few) > SHOWN else ""
        notes.append(f"no figures for strata with fewer than {LEAST_OF_STRATUM} of either class: {shown}{more}")
    without = stratum.numbers < 0
    if without.any():
        counts = f"{(without & positive).sum():,} positive and {(without & ~positive).sum():,} negative"
        notes.append(f"{counts} alleles without {settings.strata} are in no stratum")
    return kept, tuple(notes)


def _counts(whole: Group) -> list[Figure]:
    """The number of alleles in each class, and the precision of chance."""
    alleles = whole.positives + whole.negatives
    return [
        Figure("vcf/positives", float(whole.positives), ALLELES, alleles, None),
        Figure("vcf/negatives", float(whole.negatives), ALLELES, alleles, None),
        Figure("vcf/base_rate", whole.base_rate, SHARE, alleles, None),
    ]


def _calibration(scored: ScoredVcf, probability: str) -> Iterator[Figure]:
    """How far the probabilities of a trained head are from the shares of positives, if there are any."""
    for score in scored.scores:
        if score.name == probability and is_probability(score.values):
            bins = calibration_bins(scored.classes.positive, score.values)
            alleles = sum(each.alleles for each in bins)
            yield Figure(f"vcf/{score.name}/calibration_error", calibration_error(bins), SHARE, alleles, None)


def _draw(path: Path, scored: ScoredVcf, whole: Group) -> Path:
    positive = scored.classes.positive
    drawn = [
        Drawn(score.title, whole.found[score.name], curves(positive, score.values))
        for score in scored.scores
        if score.name in whole.found
    ]
    counts = f"{whole.positives:,} against {whole.negatives:,} alleles"
    return draw_roc(path, f"{scored.title}, {counts}", drawn, whole.base_rate)
