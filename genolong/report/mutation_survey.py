"""A long region's mutation map at a glance, and its most important stretches, to be shown in detail."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from genolong.report.mutation_rows import (
    HEAT,
    ROW_BP,
    SUBSTITUTIONS,
    UNKNOWN,
    DrawnMap,
    Scale,
    bare,
    colour_bar,
    pane_of,
)
from genolong.report.picture import BLUE, GREY, ORANGE, SKY, frame, literal

BINS = 1_000  # bins along the picture, more than a screen resolves
STRETCHES = 5  # stretches shown in letters, at most
IMPORTANCE, UNCERTAINTY, BETWEEN, BELOW = 1.1, 0.7, 0.14, 0.6  # inches, like HEAT
SURVEY = IMPORTANCE + UNCERTAINTY + HEAT + 2 * BETWEEN + BELOW


def stretches(drawn: DrawnMap) -> list[int]:
    """Starts of the row-long stretches with the highest total importance; they do not overlap; in order of position.

    N adds nothing to a sum; stretches of N alone are left out.
    """
    row = np.ones(ROW_BP)
    sums = np.convolve(np.nan_to_num(drawn.importance), row, mode="valid")
    sums[np.convolve(~np.isnan(drawn.importance), row, mode="valid") < 0.5] = -np.inf
    found: list[int] = []
    while len(found) < STRETCHES and np.isfinite(sums).any():
        best = int(np.argmax(sums))
        found.append(best)
        sums[max(0, best - ROW_BP + 1) : best + ROW_BP] = -np.inf
    return sorted(found)


def draw_survey(figure: Figure, drawn: DrawnMap, scale: Scale, firsts: Sequence[int], top: float) -> None:
    """Draws the survey `top` inches below the figure's top; marks and numbers the stretches that start at `firsts`."""
    size = -(-len(drawn.codes) // BINS)
    edges = np.append(np.arange(0, len(drawn.codes), size), len(drawn.codes))
    middles = drawn.start + 0.5 + (edges[:-1] + edges[1:]) / 2
    importance = pane_of(figure, top, IMPORTANCE, scale.row_bp)
    means = binned(drawn.importance, size)
    highest = _highest(drawn.importance, size)
    importance.fill_between(middles, means, highest, step="mid", color=SKY, alpha=0.6, linewidth=0)
    importance.plot(middles, means, drawstyle="steps-mid", color=BLUE, linewidth=0.9)
    importance.set_ylabel("importance\n(nats)", fontsize=8)
    uncertainty = pane_of(figure, top + IMPORTANCE + BETWEEN, UNCERTAINTY, scale.row_bp)
    uncertainty.plot(middles, binned(2 - drawn.information, size), drawstyle="steps-mid", color=GREY, linewidth=0.9)
    uncertainty.set_ylabel("uncertainty\n(bits)", fontsize=8)
    heat = pane_of(figure, top + IMPORTANCE + UNCERTAINTY + 2 * BETWEEN, HEAT, scale.row_bp)
    llr = np.where(np.arange(4) == drawn.codes[:, None], np.nan, drawn.llr)  # the reference is not a substitution
    rows = np.ma.masked_invalid([binned(llr[:, base], size) for base in range(4)])
    heat.set_facecolor(UNKNOWN)
    norm = Normalize(-scale.nats, scale.nats)
    mesh = heat.pcolormesh(
        edges + drawn.start + 0.5, np.arange(5) - 0.5, rows, cmap=SUBSTITUTIONS, norm=norm, rasterized=True
    )
    heat.set_ylim(3.5, -0.5)
    heat.set_yticks(range(4), list("ACGT"))
    heat.xaxis.set_major_formatter("{x:,.0f}")
    unit = f"; a column is the mean of {size:,} bases, light blue the maximum" if size > 1 else ""
    heat.set_xlabel(literal(f"position on {drawn.contig}{unit}"), fontsize=8, loc="left")
    for pane in (importance, uncertainty):
        frame(pane)
        pane.tick_params(labelbottom=False)
    for pane in (importance, uncertainty, heat):
        bare(pane)
        pane.set_xlim(drawn.start + 0.5, drawn.start + len(drawn.codes) + 0.5)
    for number, first in enumerate(firsts, 1):
        begin = drawn.start + first + 0.5
        importance.axvspan(begin, begin + ROW_BP, color=ORANGE, alpha=0.5, linewidth=0)
        importance.annotate(
            str(number), (begin + ROW_BP / 2, 1.0), xycoords=("data", "axes fraction"), fontsize=8, ha="center"
        )
    colour_bar(figure, mesh, top + IMPORTANCE + UNCERTAINTY + 2 * BETWEEN, HEAT, scale)


def binned(values: Float64[np.ndarray, " bases"], size: int) -> Float64[np.ndarray, " bins"]:
    """Means of `size` values each (fewer in the last bin), ignoring NaN; NaN for a bin without other values."""
    known = ~np.isnan(values)
    starts = np.arange(0, len(values), size)
    counts = np.add.reduceat(known.astype(np.float64), starts)
    sums = np.add.reduceat(np.where(known, values, 0.0), starts)
    return np.divide(sums, counts, out=np.full(len(starts), np.nan), where=counts > 0)


def _highest(values: Float64[np.ndarray, " bases"], size: int) -> Float64[np.ndarray, " bins"]:
    highest = np.maximum.reduceat(np.where(np.isnan(values), -np.inf, values), np.arange(0, len(values), size))
    return np.where(np.isfinite(highest), highest, np.nan)
