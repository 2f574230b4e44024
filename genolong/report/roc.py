"""How well scores tell two classes apart, as pictures: true against false positives, and precision against recall."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes

from genolong.report.discrimination import Curves, Discrimination
from genolong.report.picture import BLUE, GREEN, GREY, ORANGE, SKY, VERMILION, draw_panels, save

COLOURS = (BLUE, VERMILION, GREEN, ORANGE, SKY)
DASHES = ("-", "--", "-.", ":")  # of the scores that come after those that have a colour of their own
TITLE_WIDTH = 105  # characters
POINTS = 2_000  # of a curve that are drawn, more than there are pixels


class Drawn(NamedTuple):
    """A score as it is drawn."""

    name: str
    found: Discrimination
    curves: Curves


def draw_roc(path: Path, title: str, scores: Sequence[Drawn], base_rate: float) -> Path:
    """Write the picture: both curves of every score, chance, and the share of positives among all alleles."""
    figure, (roc, precision) = draw_panels(_plain(fill(title, TITLE_WIDTH)), 2, width=5.2, height=5.8)
    for number, (name, found, curves) in enumerate(scores):
        label = f"{_plain(name)}: {found.auroc.value:.3f}, {found.auprc.value:.3f}"
        _line(roc, number, _from(0.0, curves.false_positive_rate), _from(0.0, curves.recall), label)
        _line(precision, number, _from(0.0, curves.recall), _from(float(curves.precision[0]), curves.precision), label)
    roc.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1.2, label=f"chance: 0.500, {base_rate:.3f}")
    precision.axhline(base_rate, color=GREY, linestyle=":", linewidth=1.2)
    _name_axes(roc, "false positive rate", "true positive rate")
    _name_axes(precision, "recall (true positive rate)", "precision")
    handles, labels = roc.get_legend_handles_labels()
    figure.legend(
        handles, labels, title="AUROC (left), AUPRC (right)", loc="outside lower center", ncols=3, frameon=False,
        fontsize=9, title_fontsize=9,
    )  # fmt: skip
    return save(figure, path)


def _line(pane: Axes, number: int, across: Float64[np.ndarray, " _"], up: Float64[np.ndarray, " _"], label: str):
    kept = np.unique(np.linspace(0, len(across) - 1, POINTS).astype(int))
    turn, colour = divmod(number, len(COLOURS))
    style = DASHES[turn % len(DASHES)]
    pane.plot(across[kept], up[kept], color=COLOURS[colour], linestyle=style, linewidth=1.6, label=label)


def _from(first: float, values: Float64[np.ndarray, " levels"]) -> Float64[np.ndarray, " _"]:
    return np.concatenate([[first], values])


def _name_axes(pane: Axes, across: str, up: str) -> None:
    pane.set_xlabel(across)
    pane.set_ylabel(up)
    pane.set_xlim(-0.02, 1.02)
    pane.set_ylim(-0.02, 1.02)
    pane.set_aspect("equal")


def _plain(text: str) -> str:
    """Names from files as they are: matplotlib sets what stands between $ as mathematics, and hides a leading _."""
    return (" " if text.startswith("_") else "") + text.replace("$", r"\$")
