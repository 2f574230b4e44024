"""Training curves: the loss of every step, smoothed, and in validation, over steps and over bases read."""

import csv
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter

from genolong.errors import InputError, MissingInputError
from genolong.report.picture import BLUE, SKY, VERMILION, draw_panels, save

BUCKETS = 1_000  # buckets of a long curve, two points each
UNIT = "loss on hidden bases (nats/base)"
SMOOTHED = 50  # about how many independent points the smoothed curve has, at most

Course = tuple[Float64[np.ndarray, " points"], Float64[np.ndarray, " points"]]


def draw_curves(metrics: Path, path: Path, title: str, bases_per_step: int) -> Path:
    """Writes curves.png from metrics.csv; raises InputError if the log holds no `train/loss` yet."""
    courses = read_courses(metrics, ("train/loss", "validation/loss"))
    if not len(courses["train/loss"][0]):
        raise InputError(f"{metrics}: no row holds train/loss; wanted the log of a training that took a step")
    figure, (over_steps, over_bases) = draw_panels(title, 2)
    for pane, factor, label in ((over_steps, 1, "optimizer steps"), (over_bases, bases_per_step, "bases read")):
        draw_losses(pane, courses, factor)
        pane.set_xlabel(label)
        pane.xaxis.set_major_formatter(EngFormatter(sep=""))
    return save(figure, path)


def read_courses(metrics: Path, names: Sequence[str]) -> dict[str, Course]:
    """Steps taken and values of each named column, where filled; for a step that was written twice, the last."""
    found: dict[str, dict[int, float]] = {name: {} for name in names}
    try:
        with metrics.open(newline="") as lines:
            rows = csv.DictReader(line for line in lines if line.endswith("\n"))  # skip an unfinished row
            for row in rows:
                for name in filter(row.get, names):
                    found[name][int(row["step"]) + 1] = float(row[name])
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise InputError(
            f"{metrics}, line {rows.line_num}: {error}; wanted numbers in the columns step, {', '.join(names)}"
        ) from error
    except OSError as error:
        raise MissingInputError(f"{metrics}: cannot be read ({error.strerror}); wanted a run's metrics.csv") from error
    return {name: _sorted(course) for name, course in found.items()}


def thinned(
    course: Course, buckets: int = BUCKETS
) -> tuple[Float64[np.ndarray, " kept"], Float64[np.ndarray, " kept"]]:  # fmt: skip
    """The lowest and the highest point of every bucket of a long curve, which looks the same when drawn."""
    steps, values = course
    if len(steps) <= 2 * buckets:
        return course
    edges = np.linspace(0, len(steps), buckets + 1).astype(int)
    extremes = [
        first + at
        for first, end in pairwise(edges.tolist())
        for at in (int(values[first:end].argmin()), int(values[first:end].argmax()))
    ]
    kept = np.unique(extremes)
    return steps[kept], values[kept]


def smooth(values: Float64[np.ndarray, " points"]) -> Float64[np.ndarray, " points"]:
    """A moving average with weights that decrease exponentially on both sides, so that it does not lag behind.

    It is over about a fiftieth of all points, but at least a root of their number: a short curve gets smoother, too.
    Points that are no finite numbers stay out of it.
    """
    keep = 1 - min(1.0, 2 / max(len(values) / SMOOTHED, len(values) ** 0.5, 1))
    finite = np.isfinite(values)
    summed, weighed = (_on_both_sides(each, keep) for each in (np.where(finite, values, 0.0), finite.astype(float)))
    return np.divide(summed, weighed, out=np.full(len(values), np.nan), where=finite)


def _on_both_sides(values: Float64[np.ndarray, " points"], keep: float) -> Float64[np.ndarray, " points"]:
    """At each point, the sum of all values, each times `keep` for every point between the two."""
    return _faded(values, keep) + _faded(values[::-1], keep)[::-1] - values


def _faded(values: Float64[np.ndarray, " points"], keep: float) -> Float64[np.ndarray, " points"]:
    """The same for the values up to each point."""
    sums, total = np.empty(len(values)), 0.0
    for index, value in enumerate(values):
        total = total * keep + value
        sums[index] = total
    return sums


def _sorted(course: Mapping[int, float]) -> Course:
    steps = sorted(course)
    return np.array(steps, float), np.array([course[step] for step in steps], float)


def draw_losses(pane: Axes, courses: Mapping[str, Course], factor: int = 1, unit: str = UNIT) -> None:
    """`train/loss` and `validation/loss` over steps; `factor` scales the axis, as to bases read."""
    steps, losses = courses["train/loss"]
    each, smoothed = thinned((steps, losses)), thinned((steps, smooth(losses)))
    pane.plot(each[0] * factor, each[1], color=SKY, linewidth=0.6, alpha=0.6, label="training, each step")
    pane.plot(smoothed[0] * factor, smoothed[1], color=BLUE, linewidth=1.8, label="training, smoothed")
    steps, losses = courses["validation/loss"]
    if len(steps):
        pane.plot(
            steps * factor, losses, color=VERMILION, marker="o", markersize=4, linewidth=1.4, label="validation"
        )  # fmt: skip
    pane.set_ylabel(unit)
    pane.legend(fontsize=8, frameon=False)
