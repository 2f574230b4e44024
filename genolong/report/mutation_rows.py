"""Rows of a mutation map: a logo of what the model expects at each base, above a heat map of all substitutions."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, UInt8
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from genolong.genome.substitutions import importance_of, llr_of, uncertainty_of
from genolong.report.letters import draw_logo, draw_sequence
from genolong.report.picture import BLUE, VERMILION

ROW_BP = 100
BASE, LEFT, RIGHT = 0.15, 0.85, 1.05  # inches: a base's width, margins
LOGO, SEQUENCE, HEAT, BELOW = 0.85, 0.15, 0.58, 0.36  # inches: heights of a row's parts, from its top
ROW = LOGO + SEQUENCE + HEAT + BELOW
SUBSTITUTIONS = LinearSegmentedColormap.from_list("substitutions", [VERMILION, "#ffffff", BLUE])
UNKNOWN = "#d4d4d4"
UNSEEN = 1 / 200  # lowest letter, as a share of a logo's height: less than a pixel


class DrawnMap(NamedTuple):
    """A region's codes and the model's log probabilities (nats) of A C G T at every base; `start` counts from 0.

    Log probabilities are NaN where the genome has N. `origin` says which model and genome the map is of.
    """

    contig: str
    start: int
    codes: UInt8[np.ndarray, " bases"]
    log_chances: Float64[np.ndarray, "bases 4"]
    origin: str

    def part(self, first: int, end: int) -> "DrawnMap":
        """The bases first … end - 1, counted from the region's start."""
        inside = slice(first, end)
        return self._replace(
            start=self.start + first, codes=self.codes[inside], log_chances=self.log_chances[inside]
        )  # fmt: skip

    @property
    def places(self) -> Float64[np.ndarray, " bases"]:
        """The positions of the bases, counted from 1."""
        return np.arange(len(self.codes)) + self.start + 1.0

    @property
    def llr(self) -> Float64[np.ndarray, "bases 4"]:
        """The LLR of each substitution, in nats; 0 for the reference."""
        return llr_of(self.codes, self.log_chances)

    @property
    def importance(self) -> Float64[np.ndarray, " bases"]:
        """Minus the mean LLR of the three substitutions, in nats."""
        return importance_of(self.llr)

    @property
    def information(self) -> Float64[np.ndarray, " bases"]:
        """Information content in bits: 2 minus the entropy."""
        return 2 - uncertainty_of(self.log_chances)


class Scale(NamedTuple):
    """What all rows share: the logo's maximum in bits, the LLR (nats) of the strongest colour, and bases per row."""

    bits: float
    nats: float
    row_bp: int


def scale_of(drawn: DrawnMap) -> Scale:
    """A scale that fits the tallest letter, and saturates the colours of only the strongest 2 % of LLRs."""
    information, llr = drawn.information, np.abs(drawn.llr)
    known = ~np.isnan(information)
    bits = min(2.0, max(0.1, 1.05 * float(information[known].max()))) if known.any() else 2.0
    nats = float(np.quantile(llr[known], 0.98)) if known.any() else 1.0
    return Scale(bits, max(nats, 0.1), min(ROW_BP, len(drawn.codes)))


def draw_row(figure: Figure, part: DrawnMap, scale: Scale, top: float, name: str = "") -> QuadMesh:
    """Draws a logo, the reference and a heat map one below the other, `top` inches below the figure's top, `name` left.

    Returns the heat map, for the colour bar.
    """
    bases = len(part.codes)
    logo = pane_of(figure, top, LOGO, bases)
    draw_logo(logo, part.places, np.exp(part.log_chances) * part.information[:, None], least=UNSEEN * scale.bits)
    logo.set_ylim(0, scale.bits)
    logo.set_ylabel("bits", fontsize=8)
    logo.text(-0.72 / (bases * BASE), 1.0, name, transform=logo.transAxes, fontweight="bold", va="top")
    sequence = pane_of(figure, top + LOGO, SEQUENCE, bases)
    draw_sequence(sequence, part.places, part.codes)
    sequence.set_ylim(-0.25, 1.1)
    sequence.set_yticks([])
    heat = pane_of(figure, top + LOGO + SEQUENCE, HEAT, bases)
    drawn = _draw_heat(heat, part, scale.nats)
    for pane in (logo, sequence, heat):
        pane.set_xlim(part.start + 0.5, part.start + bases + 0.5)
        bare(pane)
    for pane in (logo, sequence):
        pane.set_xticks([])
        pane.spines["bottom"].set_visible(False)
    sequence.spines["left"].set_visible(False)
    ticks = _ticks(part)
    heat.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    return drawn


def colour_bar(figure: Figure, drawn: QuadMesh, top: float, height: float, scale: Scale) -> None:
    """A colour bar right of the rows, `top` inches below the figure's top and `height` inches high."""
    bar = figure.add_axes(box(figure, top, height, LEFT + scale.row_bp * BASE + 0.12, 0.11))
    figure.colorbar(drawn, cax=bar, extend="both")
    bar.set_ylabel("LLR (nats)", fontsize=8)
    bar.tick_params(labelsize=7.5, length=2.5)


def bare(pane: Axes) -> None:
    """Small tick labels, and axes on two sides only."""
    pane.tick_params(labelsize=7.5, length=2.5)
    for side in ("top", "right"):
        pane.spines[side].set_visible(False)


def _draw_heat(pane: Axes, part: DrawnMap, nats: float) -> QuadMesh:
    """A row per base, A at the top; a dot marks the reference, and N is grey."""
    edges = np.arange(len(part.codes) + 1) + part.start + 0.5
    shown = np.ma.masked_invalid(part.llr.T)
    mesh = pane.pcolormesh(edges, np.arange(5) - 0.5, shown, cmap=SUBSTITUTIONS, norm=Normalize(-nats, nats))
    unknown = part.places[part.codes >= 4]
    pane.bar(unknown, np.full(len(unknown), 4.0), width=1.0, bottom=-0.5, color=UNKNOWN)
    known = part.codes < 4
    pane.plot(part.places[known], part.codes[known], linestyle="", marker="o", markersize=2.2, color="black")
    pane.set_ylim(3.5, -0.5)
    pane.set_yticks(range(4), list("ACGT"))
    return mesh


def _ticks(part: DrawnMap) -> list[int]:
    """Every tenth base; in a short row also the first and the last one, if their labels do not overlap."""
    first, last = part.start + 1, part.start + len(part.codes)
    ticks = list(range(-(-first // 10) * 10, last + 1, 10))
    if len(ticks) < 2:
        label = 0.1 + 0.065 * len(f"{last:,}")  # inches
        for end in (first, last):
            if all(abs(end - tick) * BASE > label for tick in ticks):
                ticks.append(end)
    return sorted(ticks)


def pane_of(figure: Figure, top: float, height: float, row_bp: int) -> Axes:
    """An axes as wide as a row of `row_bp` bases, `top` inches below the figure's top."""
    return figure.add_axes(box(figure, top, height, LEFT, row_bp * BASE))


def box(figure: Figure, top: float, height: float, left: float, width: float) -> tuple[float, float, float, float]:
    """A box in inches from the figure's left and top, as fractions of the figure from its left and bottom."""
    across, up = figure.get_size_inches()
    return left / across, 1 - (top + height) / up, width / across, height / up
