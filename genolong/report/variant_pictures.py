"""Pictures for pages on labelled variants: ROC and precision-recall curves, calibration, and score distributions."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64
from matplotlib.axes import Axes

from genolong.report.calibration import Bin, calibration_bins, calibration_error
from genolong.report.discrimination import curves
from genolong.report.html import Markup
from genolong.report.inline_svg import inline_svg, legend_below, short
from genolong.report.page import picture
from genolong.report.picture import BLUE, GREY, VERMILION, literal
from genolong.report.roc import draw_precision_line, draw_roc_line, finish_precision, finish_roc

WIDE = 0.5, 99.5  # percentiles that limit a histogram; the outermost bars include values beyond
MOST_BARS = 40
BOX = (5, 25, 50, 75, 95)  # percentiles
CLASSES = ("positive", VERMILION, True), ("negative", BLUE, False)

Scores = Float64[np.ndarray, " alleles"]
Positive = Bool[np.ndarray, " alleles"]


class Compared(NamedTuple):
    """A score to draw: its title, its areas from the figures, and its values (NaN: none)."""

    title: str
    areas: tuple[float, float] | None  # AUROC, AUPRC
    values: Scores


class Stratum(NamedTuple):
    """One value of the stratifying field, and which alleles have it."""

    name: str
    chosen: Positive


def discrimination_pictures(positive: Positive, scores: Sequence[Compared], base_rate: float) -> list[Markup]:
    """The ROC and the precision-recall curves."""
    drawn = [curves(positive, score.values) for score in scores]
    names = [literal(short(score.title)) for score in scores]
    areas = [score.areas for score in scores]

    def roc(pane: Axes) -> None:
        for number, (name, curve, area) in enumerate(zip(names, drawn, areas, strict=True)):
            draw_roc_line(pane, number, curve, f"{name}: {area[0]:.3f}" if area else name)
        finish_roc(pane, "chance: 0.500")
        legend_below(pane)

    def precision(pane: Axes) -> None:
        for number, (name, curve, area) in enumerate(zip(names, drawn, areas, strict=True)):
            draw_precision_line(pane, number, curve, f"{name}: {area[1]:.3f}" if area else name)
        finish_precision(pane, base_rate, f"chance: {base_rate:.3f}")
        legend_below(pane)

    told = ["; ".join(f"{s.title}: {s.areas[at]:.3f}" for s in scores if s.areas) for at in (0, 1)]
    return [
        picture(
            "ROC", inline_svg("roc", "True against false positive rate", f"area: {told[0]}", roc, height=4.6),
            "Every threshold from the highest score down. The legend gives the areas under the curves; 0.5 is chance.",
        ),
        picture(
            "Precision and recall",
            inline_svg("precision", "Precision against recall", f"area: {told[1]}", precision, height=4.6),
            f"The dotted line is the share of positives, {base_rate:.3f}: the precision of an uninformative score.",
        ),
    ]  # fmt: skip


def calibration_picture(number: int, positive: Positive, score: Compared) -> Markup:
    """The share of positives among alleles of about the same probability."""
    bins = calibration_bins(positive, score.values)
    error = calibration_error(bins)
    told = "; ".join(f"{each.mean:.2f} predicted, {each.share:.2f} of {each.alleles:,} observed" for each in bins)
    title = f"Calibration of {score.title}"
    svg = inline_svg(f"calibration-{number}", title, told, lambda pane: _draw_calibration(pane, bins), height=4.6)
    return picture(
        title, svg,
        f"The dotted line is perfect calibration; the mean distance from it is {error:.3f} (expected calibration "
        f"error). {len(bins)} bins with 95 % intervals; larger points hold more alleles. Any alleles among these that "
        "a head was trained on look better than new ones would.",
    )  # fmt: skip


def distribution_picture(number: int, positive: Positive, score: Compared) -> Markup:
    """Histograms of the scores of both classes."""
    known = ~np.isnan(score.values)
    medians = {name: float(np.median(score.values[known & (positive == is_it)])) for name, _, is_it in CLASSES}
    counts = {name: int((known & (positive == is_it)).sum()) for name, _, is_it in CLASSES}
    told = "; ".join(f"{name}: median {medians[name]:.4g} ({counts[name]:,} alleles)" for name in medians)

    def draw(pane: Axes) -> None:
        edges = _edges(score.values[known])
        for name, colour, is_it in CLASSES:
            values = np.clip(score.values[known & (positive == is_it)], edges[0], edges[-1])
            shares = np.histogram(values, edges)[0] / len(values)
            pane.stairs(shares, edges, color=colour, fill=True, alpha=0.25)
            pane.stairs(shares, edges, color=colour, linewidth=1.4, label=f"{name} ({len(values):,})")
        pane.set_xlabel(literal(short(score.title)))
        pane.set_ylabel("share of alleles in the class")
        pane.legend(fontsize=8, frameon=False)

    title = f"{score.title} by class"
    caption = f"{told.capitalize()}. The outermost bars include all values beyond."
    if score.title.startswith("-"):
        caption += f" The sign is flipped: {score.title[1:]} itself is low where an allele is likely positive."
    return picture(title, inline_svg(f"distribution-{number}", title, told, draw), caption)


def strata_picture(number: int, field: str, positive: Positive, score: Compared, strata: Sequence[Stratum]) -> Markup:
    """Percentiles of the finite scores of both classes in every stratum."""
    rows = [
        (stratum.name, colour, values, is_it)
        for stratum in strata
        for _, colour, is_it in CLASSES
        if len(values := score.values[stratum.chosen & (positive == is_it) & np.isfinite(score.values)])
    ]

    def draw(pane: Axes) -> None:
        for place, (_, colour, values, _) in enumerate(rows):
            low, first, middle, third, high = np.percentile(values, BOX)
            pane.plot([low, high], [place, place], color=colour, linewidth=1.2)
            pane.plot([first, third], [place, place], color=colour, linewidth=6, solid_capstyle="butt")
            pane.plot([middle], [place], color="#000000", marker="|", markersize=9, markeredgewidth=1.6)
        labels = [f"{literal(short(name))} ({len(values):,})" for name, _, values, _ in rows]
        pane.set_yticks(range(len(rows)), labels, fontsize=8)
        pane.invert_yaxis()
        pane.grid(visible=False, axis="y")
        pane.set_xlabel(literal(short(score.title)))
        for name, colour, _ in CLASSES:
            pane.plot([], [], color=colour, linewidth=6, label=name)
        pane.legend(fontsize=8, frameon=False, loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=2)

    title = f"{score.title} by {field}"
    told = "; ".join(
        f"{name}, {'positive' if is_it else 'negative'}: median {np.median(values):.4g}"
        for name, _, values, is_it in rows
    )
    svg = inline_svg(f"strata-{number}", title, told, draw, height=1.2 + 0.21 * len(rows))
    return picture(
        title, svg, "Thin: 5 to 95 % of the alleles (their number in brackets); thick: 25 to 75 %; tick: median."
    )


def _draw_calibration(pane: Axes, bins: list[Bin]) -> None:
    most = max(each.alleles for each in bins)
    means, shares = ([getattr(each, name) for each in bins] for name in ("mean", "share"))
    pane.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1.2)
    pane.errorbar(
        means, shares, fmt="none", color=BLUE, elinewidth=1.2, capsize=2.5,
        yerr=[[max(0.0, each.share - each.low) for each in bins], [max(0.0, each.high - each.share) for each in bins]],
    )  # fmt: skip
    pane.scatter(means, shares, s=[12 + 60 * each.alleles / most for each in bins], color=BLUE, zorder=3)
    pane.set_xlabel("predicted probability")
    pane.set_ylabel("share of alleles that are positive")
    pane.set_xlim(-0.02, 1.02)
    pane.set_ylim(-0.02, 1.02)
    pane.set_aspect("equal")


def _edges(values: Scores) -> Float64[np.ndarray, " edges"]:
    low, high = np.percentile(values[np.isfinite(values)], WIDE) if np.isfinite(values).any() else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, min(MOST_BARS, max(5, int(np.sqrt(len(values))))) + 1)
