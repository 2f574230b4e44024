"""The log of a run as a picture, and what is read from it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.figure import Figure

from genolong.errors import InputError, MissingInputError, OutputError
from genolong.report import curves
from genolong.report.curves import draw_curves, read_courses, smooth, thinned

LOG = "step,train/loss,validation/loss\n0,1.4,\n1,1.3,\n1,,1.35\n2,1.2,\n1,1.25,\n"
PNG = b"\x89PNG"


def test_courses_skip_empty_fields_and_keep_the_last_of_a_repeated_step(tmp_path):
    (tmp_path / "metrics.csv").write_text(LOG)
    courses = read_courses(tmp_path / "metrics.csv", ("train/loss", "validation/loss", "nothing"))
    assert [course.tolist() for course in courses["train/loss"]] == [[1, 2, 3], [1.4, 1.25, 1.2]]
    assert [course.tolist() for course in courses["validation/loss"]] == [[2], [1.35]]
    assert len(courses["nothing"][0]) == 0


def test_the_picture_is_written(tmp_path):
    (tmp_path / "metrics.csv").write_text(LOG)
    picture = draw_curves(tmp_path / "metrics.csv", tmp_path / "curves.png", "a run", 4_096)
    assert picture.read_bytes().startswith(PNG)


def test_a_run_without_validation_is_drawn_too(tmp_path):
    (tmp_path / "metrics.csv").write_text("step,train/loss\n0,1.4\n")
    assert draw_curves(tmp_path / "metrics.csv", tmp_path / "curves.png", "a run", 7).is_file()


def test_a_log_without_a_step_is_refused(tmp_path):
    (tmp_path / "metrics.csv").write_text("step,validation/loss\n0,1.4\n")
    with pytest.raises(InputError, match=r"metrics.csv: no row holds train/loss"):
        draw_curves(tmp_path / "metrics.csv", tmp_path / "curves.png", "a run", 7)


def test_a_missing_log_is_told(tmp_path):
    with pytest.raises(MissingInputError, match=r"metrics.csv: cannot be read \(No such file"):
        read_courses(tmp_path / "metrics.csv", ("train/loss",))


def test_a_torn_log_is_told_with_its_line(tmp_path):
    (tmp_path / "metrics.csv").write_text("step,train/loss\n0,1.4\n1,1.x\n")
    with pytest.raises(InputError, match=r"metrics.csv, line 3: .*1.x"):
        read_courses(tmp_path / "metrics.csv", ("train/loss",))


def test_a_folder_that_is_not_there_is_told(tmp_path):
    (tmp_path / "metrics.csv").write_text(LOG)
    with pytest.raises(OutputError, match=r"curves.png.* cannot be created|there is no folder"):
        draw_curves(tmp_path / "metrics.csv", tmp_path / "no" / "curves.png", "a run", 7)


def test_smoothing_keeps_a_level_and_forgets_what_is_far():
    assert smooth(np.full(211, 1.5)) == pytest.approx(1.5)
    steps = np.where(np.arange(1_000) < 500, 2.0, 1.0)
    assert smooth(steps)[[0, 400, 600, 999]] == pytest.approx([2, 2, 1, 1], abs=1e-3)
    noise = np.random.default_rng(1).normal(size=5_000)
    assert smooth(noise)[1_000:].std() < 0.2


@pytest.mark.parametrize("points", [41, 5_000])
def test_the_smoothed_curve_does_not_lag(points: int):
    line, margin = np.linspace(3.0, 1.0, points), points // 4
    assert smooth(line)[margin:-margin] == pytest.approx(line[margin:-margin], abs=0.01)
    assert smooth(line[::-1]) == pytest.approx(smooth(line)[::-1])


@given(arrays(np.float64, st.integers(0, 40), elements=st.floats(-9, 9)))
def test_every_smoothed_point_is_the_weighted_mean_of_all(values: np.ndarray):
    count = len(values)
    keep = 1 - min(1, 2 / max(count / 50, count**0.5, 1))
    for at, found in enumerate(smooth(values)):
        weights = [keep ** abs(other - at) for other in range(count)]
        assert found == pytest.approx(np.average(values, weights=weights), abs=1e-9)


def test_a_loss_that_is_no_number_leaves_the_rest_of_the_curve():
    values = np.linspace(3.0, 1.0, 100)
    values[[40, 99]] = np.nan, np.inf
    found = smooth(values)
    assert np.flatnonzero(np.isnan(found)).tolist() == [40, 99]
    kept = np.delete(np.arange(100), [40, 99])
    assert found[kept] == pytest.approx(np.linspace(3.0, 1.0, 100)[kept], abs=0.1)


def test_a_short_curve_is_smoothed_too():
    noise = np.random.default_rng(1).standard_normal(49)
    assert smooth(noise).std() < 0.6 * noise.std()


def test_a_row_that_is_being_written_is_no_row(tmp_path):
    (tmp_path / "metrics.csv").write_text("step,train/loss\n0,1.4\n1,1.3\n2,1")
    assert read_courses(tmp_path / "metrics.csv", ("train/loss",))["train/loss"][1].tolist() == [1.4, 1.3]


def test_a_thinned_course_keeps_every_extreme():
    values = np.random.default_rng(1).normal(size=7_919)
    values[[0, 4_242, 7_918]] = 9, -9, 8
    steps, kept = thinned((np.arange(7_919.0), values), buckets=100)
    assert len(steps) <= 200 and {9, -9, 8} <= set(kept) and (np.diff(steps) > 0).all()
    assert (values[steps.astype(int)] == kept).all()
    short = (np.arange(200.0), values[:200])
    assert thinned(short, buckets=100) is short


LOSSES = np.array([1.4, 1.3, 1.2, 1.6, 1.1, 1.5, 1.25, 1.0, 1.3, 0.9, 1.2])
LONG_LOG = "step,train/loss,validation/loss\n1,,1.35\n" + "".join(f"{at},{loss},\n" for at, loss in enumerate(LOSSES))


@pytest.mark.parametrize("bases", [1, 4_099])
def test_curves_stand_over_steps_and_over_bases_read(tmp_path, monkeypatch, bases):
    figures: list[Figure] = []
    monkeypatch.setattr(curves, "save", lambda figure, path: figures.append(figure) or path)
    (tmp_path / "metrics.csv").write_text(LONG_LOG)
    draw_curves(tmp_path / "metrics.csv", tmp_path / "curves.png", "a run", bases)
    ((over_steps, over_bases),) = (figure.axes for figure in figures)
    for pane, factor, label in ((over_steps, 1, "optimizer steps"), (over_bases, bases, "bases read")):
        assert pane.get_xlabel() == label
        drawn = {line.get_label(): np.array(line.get_data()).tolist() for line in pane.lines}
        steps = [step * factor for step in range(1, 12)]
        assert drawn == {
            "training, each step": [steps, LOSSES.tolist()],
            "training, smoothed": [steps, smooth(LOSSES).tolist()],
            "validation": [[2 * factor], [1.35]],
        }
