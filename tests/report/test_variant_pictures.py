"""Pictures of scores and of a training: what is drawn stands where it should, and infinite scores move nothing."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from genolong.report import training_pictures, variant_pictures
from genolong.report.calibration import calibration_bins
from genolong.report.picture import BLUE, VERMILION
from genolong.report.training_pictures import DRAWN, LOSS, VALIDATION, course_pictures
from genolong.report.variant_pictures import (
    Compared,
    Stratum,
    calibration_picture,
    discrimination_pictures,
    distribution_picture,
    strata_picture,
)


def test_infinite_scores_are_not_among_the_percentiles_of_a_stratum() -> None:
    positive = np.arange(9) < 4
    values = np.array([-np.inf, 1.0, 2.0, np.nan, 3.0, np.inf, 5.0, 6.0, 7.0])
    strata = [Stratum("all", np.ones(9, bool)), Stratum("one", np.arange(9) == 0)]
    drawn = strata_picture(0, "GENE", positive, Compared("S", None, values), strata)
    assert "all (2)" in drawn and "all (4)" in drawn and "one (" not in drawn


@pytest.fixture
def panes(monkeypatch):
    """The panes drawn, by the picture's name."""
    found = {}

    def keep(module):
        inner = module.inline_svg

        def kept(name, title, told, draw, **how):
            found[name] = Figure().subplots()
            draw(found[name])
            return inner(name, title, told, draw, **how)

        monkeypatch.setattr(module, "inline_svg", kept)

    keep(variant_pictures)
    keep(training_pictures)
    return found


def scores(seed: int = 1, alleles: int = 211):
    chance = np.random.default_rng(seed)
    positive = chance.random(alleles) < 0.3
    return positive, positive + chance.normal(size=alleles)


def test_legends_tell_the_area_under_their_own_curve(panes):
    positive, values = scores()
    discrimination_pictures(positive, [Compared("S", (0.75, 0.5), values)], 0.3)
    for name, said in (("roc", "S: 0.750"), ("precision", "S: 0.500")):
        assert panes[name].lines[0].get_label() == said
    assert [*panes["precision"].lines[1].get_ydata()] == [0.3, 0.3]


def test_a_bin_stands_at_its_mean_and_share_within_its_bounds(panes):
    chance = np.random.default_rng(3)
    values = chance.random(997)
    positive = chance.random(997) < values**2
    bins = calibration_bins(positive, values)
    calibration_picture(1, positive, Compared("P", None, values))
    pane = panes["calibration-1"]
    (bars, points) = pane.collections
    np.testing.assert_allclose(points.get_offsets(), [(each.mean, each.share) for each in bins])
    np.testing.assert_allclose(
        [segment[:, 1] for segment in bars.get_segments()], [(each.low, each.high) for each in bins], atol=1e-12
    )
    np.testing.assert_allclose([segment[:, 0] for segment in bars.get_segments()], [(each.mean,) * 2 for each in bins])


def test_shares_of_a_class_add_up_to_1_and_outer_bars_hold_what_lies_beyond(panes):
    positive, values = scores(alleles=2_003)
    values[:2], values[7] = (900, -900), np.nan
    distribution_picture(1, positive, Compared("S", None, values))
    pane = panes["distribution-1"]
    stairs = {each.get_label(): each for each in pane.patches if not each.get_fill()}
    known = ~np.isnan(values)
    for name, is_it, colour in (("positive", True, VERMILION), ("negative", False, BLUE)):
        count = int((known & (positive == is_it)).sum())
        drawn = stairs[f"{name} ({count:,})"]
        shares, edges, _ = drawn.get_data()
        assert shares.sum() == pytest.approx(1)
        inside = values[known & (positive == is_it)]
        assert shares[0] * count == pytest.approx((inside < edges[1]).sum())
        assert to_hex(drawn.get_edgecolor()) == colour.lower()


@pytest.mark.parametrize("score", [0.0, 7.0])
def test_scores_that_are_all_the_same_stand_in_the_middle(panes, score):
    positive = np.arange(11) < 4
    distribution_picture(0, positive, Compared("S", None, np.full(11, score)))
    (pane,) = panes.values()
    edges = [each.get_data().edges for each in pane.patches if not each.get_fill()]
    assert edges and all((each[0], each[-1]) == (score - 0.5, score + 0.5) for each in edges)


def test_boxes_of_a_stratum_are_its_percentiles_from_the_top_down(panes):
    positive, values = scores()
    strata = [Stratum(name, np.arange(211) % 2 == at) for at, name in enumerate(("one", "other"))]
    strata_picture(1, "GENE", positive, Compared("S", None, values), strata)
    pane = panes["strata-1"]
    classes = (True, VERMILION), (False, BLUE)
    rows = [(each.chosen & (positive == is_it), colour) for each in strata for is_it, colour in classes]
    for at, (chosen, colour) in enumerate(rows):
        thin, thick, middle = pane.lines[3 * at : 3 * at + 3]
        low, first, median, third, high = np.percentile(values[chosen], [5, 25, 50, 75, 95])
        assert [*thin.get_xdata()] == [low, high] and [*thick.get_xdata()] == [first, third]
        assert [*middle.get_xdata()] == [median]
        assert {*thin.get_ydata(), *thick.get_ydata(), *middle.get_ydata()} == {at}
        assert thin.get_color() == thick.get_color() == colour
    bottom, top = pane.get_ylim()
    assert bottom > top, "the first at the top, as in the table"


def test_bases_read_stand_above_their_steps_and_what_is_told_is_what_is_drawn(panes):
    nothing = np.array([]), np.array([])
    courses = dict.fromkeys(DRAWN, nothing) | {
        LOSS: (np.arange(1.0, 8), np.linspace(3, 1, 7)),
        VALIDATION: (np.array([3.0, 5.0, 7.0]), np.array([2.5, 1.25, 1.5])),
    }
    (drawn,) = course_pictures(courses, 4_099)
    assert "validation loss 1.5 at step 7, lowest 1.25" in drawn
    pane = panes["loss"]
    (top,) = pane.child_axes
    pane.figure.draw_without_rendering()
    assert top.get_xlim() == pytest.approx([end * 4_099 for end in pane.get_xlim()])
