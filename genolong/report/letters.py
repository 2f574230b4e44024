"""Draws letters of DNA scaled to given heights, for sequence logos.

We draw them ourselves: the logo library logomaker depends on pandas and pyplot, and takes a second for what takes
milliseconds here, where all letters of one base are a single path.
"""

from functools import cache

import numpy as np
from jaxtyping import Float64, UInt8
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.textpath import TextPath

from genolong.report.picture import BLUE, GREEN, GREY, ORANGE, VERMILION

LETTERS = "ACGTN"
COLOURS = (GREEN, BLUE, ORANGE, VERMILION, GREY)  # of A C G T N
FILLED = 0.94  # width of a letter, as a share of its place


def draw_logo(
    pane: Axes, places: Float64[np.ndarray, " bases"], heights: Float64[np.ndarray, "bases 4"], least: float = 0.0
) -> None:  # fmt: skip
    """Draws the four letters stacked at each place (the letters' middle), the tallest on top; none where NaN.

    Letters lower than `least` leave a gap, since nobody would see them.
    """
    known = ~np.isnan(heights).any(axis=1)
    places, heights = places[known], heights[known]
    order = np.argsort(heights, axis=1, kind="stable")
    tops = np.take_along_axis(heights, order, axis=1).cumsum(axis=1)
    for base in range(4):
        rows, ranks = np.nonzero((order == base) & (np.take_along_axis(heights, order, axis=1) >= least))
        height = heights[rows, base]
        _draw(pane, base, places[rows], tops[rows, ranks] - height, height)


def draw_sequence(pane: Axes, places: Float64[np.ndarray, " bases"], codes: UInt8[np.ndarray, " bases"]) -> None:
    """One letter per place, from height 0 to 1."""
    for code in range(len(LETTERS)):
        here = places[codes == code]
        _draw(pane, code, here, np.zeros(len(here)), np.ones(len(here)))


def _draw(
    pane: Axes, code: int, places: Float64[np.ndarray, " letters"], bottoms: Float64[np.ndarray, " letters"],
    heights: Float64[np.ndarray, " letters"],
) -> None:  # fmt: skip
    if not len(places):
        return
    letter = _outline(LETTERS[code])
    points = np.asarray(letter.vertices)[None]
    across = points[..., 0] * FILLED + places[:, None] - FILLED / 2
    up = points[..., 1] * heights[:, None] + bottoms[:, None]
    strokes = np.tile(np.asarray(letter.codes), len(places))
    path = Path(np.stack([across.ravel(), up.ravel()], axis=1), strokes)
    pane.add_artist(PathPatch(path, facecolor=COLOURS[code], linewidth=0))  # add_patch would compute each extent


@cache
def _outline(letter: str) -> Path:
    """The outline of a letter, scaled to the square from (0, 0) to (1, 1)."""
    path = TextPath((0, 0), letter, prop=FontProperties(family="DejaVu Sans", weight="bold"))  # included in matplotlib
    points = np.asarray(path.vertices)
    drawn = points[np.asarray(path.codes) != Path.CLOSEPOLY]  # the point of CLOSEPOLY is meaningless
    low, high = drawn.min(axis=0), drawn.max(axis=0)
    return Path((points - low) / (high - low), path.codes)
