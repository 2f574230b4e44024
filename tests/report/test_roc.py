"""The picture of both curves is written, for one score and for more than there are colours."""

import numpy as np
import pytest

from genolong.report import roc
from genolong.report.discrimination import curves, discriminate
from genolong.report.roc import Drawn, draw_roc


def drawn(name: str, seed: int, alleles: int = 61) -> Drawn:
    chance = np.random.default_rng(seed)
    positive = np.arange(alleles) % 3 == 0
    score = positive + chance.normal(size=alleles)
    found = discriminate(positive, score, least=1, draws=0, seed=1)
    assert found is not None
    return Drawn(name, found, curves(positive, score))


@pytest.mark.parametrize("scores", [1, 7])
def test_the_picture_is_written(tmp_path, scores):
    picture = draw_roc(tmp_path / "roc.png", "t", [drawn(f"_s{seed}", seed) for seed in range(scores)], 1 / 3)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_every_score_is_a_line_in_both_panes_and_its_areas_are_in_the_legend(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(roc, "save", lambda figure, path: figures.append(figure) or path)
    scores = [drawn("_$s", 1, alleles=9_001), drawn("b", 2)]
    draw_roc(tmp_path / "roc.png", "t", scores, 1 / 3)
    (figure,) = figures
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    areas = [f"{score.found.auroc.value:.3f}, {score.found.auprc.value:.3f}" for score in scores]
    assert labels == [rf" _\$s: {areas[0]}", f"b: {areas[1]}", "chance: 0.500, 0.333"]
    for pane in figure.axes:
        assert len(pane.lines) == 3
        across = pane.lines[0].get_xdata()
        assert len(across) < 6_001 and (across[0], across[-1]) == (0, 1)


def far_from(drawn: np.ndarray, points: np.ndarray) -> float:
    """The largest distance, on either axis, of a point from the nearest one that is drawn."""
    return max(np.abs(drawn - point).max(axis=1).min() for point in points)


@pytest.mark.parametrize("share", [0.5, 1e-3])
def test_drawn_curves_show_every_point_of_them_even_if_positives_are_rare(share):
    chance = np.random.default_rng(7)
    positive = chance.random(120_011) < share
    found = curves(positive, positive * 4 + chance.normal(size=len(positive)))
    for across, up in ((found.false_positive_rate, found.recall), (found.recall, found.precision)):
        points = np.stack([across, up], axis=1)
        kept = points[roc.seen(across, up)]
        assert len(kept) < 20_000 and np.array_equal(kept[[0, -1]], points[[0, -1]])
        early, rest = points[:1_000], points[:: len(points) // 997]
        assert far_from(kept, np.concatenate([early, rest])) <= 1 / roc.CELLS


def test_names_from_files_are_no_mathematics(tmp_path):
    assert draw_roc(tmp_path / "roc.png", r"a $\nothing$ " * 30, [drawn(r"$\frac$", 1)], 0.5).is_file()


def test_axes_and_lines_are_what_they_are_called(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(roc, "save", lambda figure, path: figures.append(figure) or path)
    score = drawn("a", 5, alleles=61)
    draw_roc(tmp_path / "roc.png", "t", [score], 0.3)
    left, right = figures[0].axes
    assert (left.get_xlabel(), left.get_ylabel()) == ("false positive rate", "true positive rate")
    assert (right.get_xlabel(), right.get_ylabel()) == ("recall (true positive rate)", "precision")
    of = score.curves
    wanted = (
        ([0, *of.false_positive_rate], [0, *of.recall]),
        ([0, *of.recall], [of.precision[0], *of.precision]),
    )
    for pane, line in zip((left, right), wanted, strict=True):
        np.testing.assert_array_equal(pane.lines[0].get_data(), line)
    assert [list(map(float, each)) for each in left.lines[1].get_data()] == [[0, 1], [0, 1]]
    assert [*right.lines[1].get_ydata()] == [0.3, 0.3]
