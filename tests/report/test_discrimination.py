"""Areas are those of counting pairs, draws are a function of the seed, and the curves enclose the areas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genolong.report.discrimination import Discrimination, Estimate, auprc_of, auroc_of, bootstrap, curves, discriminate
from tests.oracles import discrimination as oracle

scores = st.lists(
    st.sampled_from([-40.0, -1.5, 0.0, 0.25, 0.5, 1.0, 37.0, 38.0, 1e30, np.inf]), min_size=1, max_size=17
)


def labelled(positives, negatives):
    score = np.array([*positives, *negatives], float)
    order = np.random.default_rng(len(score)).permutation(len(score))
    return (np.arange(len(score)) < len(positives))[order], score[order]


def measured(positives, negatives, **changes):
    found = discriminate(*labelled(positives, negatives), **({"least": 1, "draws": 0, "seed": 1} | changes))
    assert found is not None
    return found


@given(scores, scores)
def test_areas_are_those_of_counting_pairs(positives, negatives):
    found = measured(positives, negatives)
    assert found.auroc.value == pytest.approx(oracle.auroc(positives, negatives), abs=1e-6)
    assert found.auprc.value == pytest.approx(oracle.auprc(positives, negatives), abs=1e-6)
    assert (found.positives, found.negatives, found.missing) == (len(positives), len(negatives), 0)


@given(scores, scores)
def test_areas_from_counts_by_level_are_the_same(positives, negatives):
    levels = sorted({*positives, *negatives})
    counts = [np.array([[group.count(level) for level in levels]]) for group in (positives, negatives)]
    np.testing.assert_allclose(auroc_of(*counts), [oracle.auroc(positives, negatives)])
    np.testing.assert_allclose(auprc_of(*counts), [oracle.auprc(positives, negatives)])


@settings(max_examples=30)
@given(scores, scores)
def test_the_curves_enclose_the_areas(positives, negatives):
    drawn = curves(*labelled(positives, negatives))
    across, up = np.append(0, drawn.false_positive_rate), np.append(0, drawn.recall)
    assert (np.diff(across) * (up[1:] + up[:-1]) / 2).sum() == pytest.approx(oracle.auroc(positives, negatives))
    assert (np.diff(up) * drawn.precision).sum() == pytest.approx(oracle.auprc(positives, negatives))


def test_large_scores_that_differ_are_no_ties():
    assert measured([41.0, 42.0, 43.0], [38.0, 39.0, 40.0]).auroc.value == 1  # a sigmoid would make them all 1


def test_draws_are_a_function_of_the_seed_and_of_nothing_else(monkeypatch):
    chance = np.random.default_rng(3)
    positives, negatives = chance.integers(0, 40, 101), chance.integers(0, 30, 53)
    first = bootstrap(positives, negatives, 67, seed=5)
    monkeypatch.setattr("genolong.report.discrimination.BLOCK", 1_000)
    np.testing.assert_array_equal(bootstrap(positives, negatives, 67, seed=5), first)
    assert not np.array_equal(bootstrap(positives, negatives, 67, seed=6), first)
    np.testing.assert_array_equal(bootstrap(positives, negatives, 13, seed=5), np.array(first)[:, :13])


def test_the_interval_is_that_of_drawing_alleles_within_their_class():
    chance = np.random.default_rng(7)
    positives, negatives = chance.normal(1, 1, 131).round(1), chance.normal(0, 1, 173).round(1)
    found = measured(positives, negatives, draws=1_000)
    drawn = [
        oracle_pair([chance.choice(group, len(group)) for group in (positives, negatives)]) for _ in range(400)
    ]  # fmt: skip
    for estimate, wanted in zip((found.auroc, found.auprc), np.transpose(drawn), strict=True):
        assert estimate.error == pytest.approx(wanted.std(), rel=0.15)
        assert (estimate.low, estimate.high) == pytest.approx(np.quantile(wanted, (0.025, 0.975)), abs=0.01)


def oracle_pair(groups):
    one, other = groups
    wins = (one[:, None] > other).mean() + (one[:, None] == other).mean() / 2
    right, wrong = ((group >= one[:, None]).sum(1) for group in (one, other))
    return wins, (right / (right + wrong)).mean()


def test_alleles_without_a_score_are_counted_and_left_out():
    positive, score = labelled([1.0, 2.0, np.nan], [0.0, 1.5, np.nan, np.nan])
    found = discriminate(positive, score, least=2, draws=0, seed=1)
    assert found is not None
    assert (found.positives, found.negatives, found.missing) == (2, 2, 3)
    assert found.auroc.value == 0.75
    assert discriminate(positive, score, least=3, draws=0, seed=1) is None
    assert discriminate(positive, np.full(len(score), np.nan), least=0, draws=0, seed=1) is None


def test_figures_are_flat_and_have_bounds_where_draws_were_made():
    names = [figure.name for figure in measured([1.0, 2.0], [0.0, 3.0, 1.0]).figures("vcf/x")]
    assert names == ["vcf/x/auroc", "vcf/x/auprc", "vcf/x/positives", "vcf/x/negatives", "vcf/x/missing"]
    found = {figure.name: figure for figure in measured([1.0, 2.0], [0.0, 3.0, 1.0], draws=40).figures("vcf/x")}
    low, value, high = (found[f"vcf/x/auprc{end}"].value for end in ("_low", "", "_high"))
    assert low < value < high
    assert found["vcf/x/auroc"].standard_error is not None and found["vcf/x/auroc"].n == 5


def test_areas_are_of_alleles_with_a_value_and_counts_of_all():
    found = [*Discrimination(Estimate(0.5), Estimate(0.4), 3, 5, 2).figures("x")]
    assert [(figure.name, figure.value, figure.n) for figure in found] == [
        ("x/auroc", 0.5, 8), ("x/auprc", 0.4, 8), ("x/positives", 3, 10), ("x/negatives", 5, 10), ("x/missing", 2, 10),
    ]  # fmt: skip
