"""Figures of a VCF read back are the groups that they were made of."""

import numpy as np
import pytest

from genolong.report.discrimination import Group, discriminate
from genolong.report.figures import Figure
from genolong.report.variant_figures import groups_of, scores_in

POSITIVE = np.arange(97) % 3 == 0


def group(name: str, *scores: str, draws: int = 40) -> Group:
    chance = np.random.default_rng(len(name))
    found = {}
    for score in scores:
        values = POSITIVE + chance.normal(size=97)
        values[:5] = np.nan
        found[score] = discriminate(POSITIVE, values, least=1, draws=draws, seed=1)
    return Group(name, 32, 65, found)


@pytest.mark.parametrize("draws", [0, 40])
def test_groups_come_back(draws: int):
    groups = [
        group("", "GENOLONG_LLR", "CADD", draws=draws), group("common", "GENOLONG_LLR", "CADD", draws=draws),
        group("GENE=a/b", "GENOLONG_LLR", draws=draws),
    ]  # fmt: skip
    figures = [
        Figure("vcf/positives", 33.0, "alleles", 97, None), Figure("vcf/negatives", 64.0, "alleles", 97, None),
        Figure("vcf/base_rate", 0.34, "share", 97, None), *(figure for each in groups for figure in each.figures()),
    ]  # fmt: skip
    assert scores_in(figures) == ["GENOLONG_LLR", "CADD"]
    read = groups_of([Figure.of(figure.as_json()) for figure in figures], scores_in(figures))
    assert [each.name for each in read] == ["", "common", "GENE=a/b"]
    assert [each.found for each in read] == [each.found for each in groups]
    assert (read[0].positives, read[0].negatives) == (33, 64), "as many as are labelled"


@pytest.mark.parametrize("first", [False, True])
def test_a_group_has_as_many_of_each_class_as_the_score_that_leaves_out_fewest(first: bool):
    left_out = {"CADD": POSITIVE if first else ~POSITIVE, "GENOLONG_LLR": ~POSITIVE if first else POSITIVE}
    scores = {name: np.where(few & (np.arange(97) < 11), np.nan, POSITIVE + 0.5) for name, few in left_out.items()}
    drawn = {name: discriminate(POSITIVE, score, least=1, draws=0, seed=1) for name, score in scores.items()}
    found = {name: each for name, each in drawn.items() if each is not None}
    figures = [*Group("GENE=a", 33, 64, found).figures()]
    (read,) = groups_of(figures, scores_in(figures))
    assert (read.positives, read.negatives) == (33, 64)


def test_a_score_without_all_of_its_figures_is_left_out():
    figures = [Figure("vcf/s/auroc", 0.5, "area", 3, None)]
    assert groups_of(figures, scores_in(figures)) == []
