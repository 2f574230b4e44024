"""A training's course: its loss at every step, smoothed, and in validation, over steps and over bases read."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter

from genolong.errors import InputError, MissingInputError
from genolong.report.picture import BLUE, SKY, VERMILION, draw_panels, save

SMOOTHED = 50  # points over a run that the smoothed curve can follow

Course = tuple[Float64[np.ndarray, " points"], Float64[np.ndarray, " points"]]


def draw_curves(metrics: Path, path: Path, title: str, bases_per_step: int) -> Path:
    """Write curves.png from metrics.csv; raises InputError where the log holds no `train/loss` yet."""
    courses = read_courses(metrics, ("train/loss", "validation/loss"))
    if not len(courses["train/loss"][0]):
        raise InputError(f"{metrics}: no row holds train/loss; wanted the log of a training that took a step")
    figure, (over_steps, over_bases) = draw_panels(title, 2)
    for pane, factor, label in ((over_steps, 1, "optimizer steps"), (over_bases, bases_per_step, "bases read")):
        _draw(pane, courses, factor)
        pane.set_xlabel(label)
        pane.xaxis.set_major_formatter(EngFormatter(sep=""))
    return save(figure, path)


def read_courses(metrics: Path, names: Sequence[str]) -> dict[str, Course]:
    """Steps taken and values of each named column, where it is filled; of a step that was written twice, the last."""
    found: dict[str, dict[int, float]] = {name: {} for name in names}
    try:
        with metrics.open(newline="") as lines:
            rows = csv.DictReader(lines)
            for row in rows:
                for name in filter(row.get, names):
                    found[name][int(row["step"]) + 1] = float(row[name])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{metrics}, line {rows.line_num}: {error}; wanted numbers in the columns step, {', '.join(names)}"
        ) from error
    except OSError as error:
        raise MissingInputError(f"{metrics}: cannot be read ({error.strerror}); wanted a run's metrics.csv") from error
    return {name: _sorted(course) for name, course in found.items()}


def smooth(values: Float64[np.ndarray, " points"]) -> Float64[np.ndarray, " points"]:
    """The mean of the points so far, each weighing less the older it is: about a fiftieth of all matter."""
    keep = 1 - min(1.0, SMOOTHED / max(len(values), 1))
    smoothed, weight, total = np.empty(len(values)), 0.0, 0.0
    for index, value in enumerate(values):
        weight, total = weight * keep + 1, total * keep + value
        smoothed[index] = total / weight
    return smoothed


def _sorted(course: Mapping[int, float]) -> Course:
    steps = sorted(course)
    return np.array(steps, float), np.array([course[step] for step in steps], float)


def _draw(pane: Axes, courses: Mapping[str, Course], factor: int) -> None:
    steps, losses = courses["train/loss"]
    pane.plot(steps * factor, losses, color=SKY, linewidth=0.6, alpha=0.6, label="training, each step")
    pane.plot(steps * factor, smooth(losses), color=BLUE, linewidth=1.8, label="training, smoothed")
    steps, losses = courses["validation/loss"]
    if len(steps):
        pane.plot(
            steps * factor, losses, color=VERMILION, marker="o", markersize=4, linewidth=1.4, label="validation"
        )  # fmt: skip
    pane.set_ylabel("loss on hidden bases (nats/base)")
    pane.legend(fontsize=8, frameon=False)
