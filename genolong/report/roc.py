"""Pictures of how well scores separate two classes: ROC curves, and precision against recall."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64
from matplotlib.axes import Axes

from genolong.report.discrimination import Curves, Discrimination
from genolong.report.picture import BLUE, GREEN, GREY, ORANGE, SKY, VERMILION, draw_panels, literal, save

COLOURS = (BLUE, VERMILION, GREEN, ORANGE, SKY)
DASHES = ("-", "--", "-.", ":")  # the line style changes each time all colours are used up
TITLE_WIDTH = 105  # characters
CELLS = 2_000  # on each axis, more than there are pixels: a curve has one point in each that it enters


class Drawn(NamedTuple):
    """A score to draw."""

    name: str
    found: Discrimination
    curves: Curves


def draw_roc(path: Path, title: str, scores: Sequence[Drawn], base_rate: float) -> Path:
    """Draws both curves of every score, with chance and the share of positives as references, and saves the picture."""
    figure, (roc, precision) = draw_panels(fill(title, TITLE_WIDTH), 2, width=5.2, height=5.8)
    for number, (name, found, curves) in enumerate(scores):
        label = f"{literal(name)}: {found.auroc.value:.3f}, {found.auprc.value:.3f}"
        draw_roc_line(roc, number, curves, label)
        draw_precision_line(precision, number, curves, label)
    finish_roc(roc, f"chance: 0.500, {base_rate:.3f}")
    finish_precision(precision, base_rate, "chance")
    handles, labels = roc.get_legend_handles_labels()
    figure.legend(
        handles, labels, title="AUROC (left), AUPRC (right)", loc="outside lower center", ncols=3, frameon=False,
        fontsize=9, title_fontsize=9,
    )  # fmt: skip
    return save(figure, path)


def draw_roc_line(pane: Axes, number: int, curves: Curves, label: str) -> None:
    """The ROC curve (true against false positive rate) of score `number`."""
    _line(pane, number, _from(0.0, curves.false_positive_rate), _from(0.0, curves.recall), label)


def draw_precision_line(pane: Axes, number: int, curves: Curves, label: str) -> None:
    """The precision-recall curve of score `number`."""
    _line(pane, number, _from(0.0, curves.recall), _from(float(curves.precision[0]), curves.precision), label)


def finish_roc(pane: Axes, label: str) -> None:
    """Draws the line of chance, and labels the axes."""
    pane.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1.2, label=label)
    _name_axes(pane, "false positive rate", "true positive rate")


def finish_precision(pane: Axes, base_rate: float, label: str) -> None:
    """Draws the line of chance (the share of positives), and labels the axes."""
    pane.axhline(base_rate, color=GREY, linestyle=":", linewidth=1.2, label=label)
    _name_axes(pane, "recall (true positive rate)", "precision")


def _line(pane: Axes, number: int, across: Float64[np.ndarray, " _"], up: Float64[np.ndarray, " _"], label: str):
    kept = seen(across, up)
    turn, colour = divmod(number, len(COLOURS))
    style = DASHES[turn % len(DASHES)]
    pane.plot(across[kept], up[kept], color=COLOURS[colour], linestyle=style, linewidth=1.6, label=label)


def seen(
    across: Float64[np.ndarray, " points"], up: Float64[np.ndarray, " points"]
) -> Bool[np.ndarray, " points"]:  # fmt: skip
    """The points to draw: the first, the last, and those in another cell than the one before; values are 0 ... 1."""
    cells = np.stack([across, up]) // (1 / CELLS)
    kept = np.ones(len(across), bool)
    kept[1:-1] = (cells[:, 1:-1] != cells[:, :-2]).any(axis=0)
    return kept


def _from(first: float, values: Float64[np.ndarray, " levels"]) -> Float64[np.ndarray, " _"]:
    return np.concatenate([[first], values])


def _name_axes(pane: Axes, across: str, up: str) -> None:
    pane.set_xlabel(across)
    pane.set_ylabel(up)
    pane.set_xlim(-0.02, 1.02)
    pane.set_ylim(-0.02, 1.02)
    pane.set_aspect("equal")
