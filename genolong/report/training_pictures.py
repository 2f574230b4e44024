"""Pictures of a training for its page: losses, learning rate, gradient norm, and metrics on held-out data."""

from collections.abc import Mapping
from functools import partial
from math import nan

import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, MaxNLocator

from genolong.report.curves import UNIT, Course, draw_losses, thinned
from genolong.report.html import Markup
from genolong.report.inline_svg import inline_svg
from genolong.report.page import picture
from genolong.report.picture import BLUE, GREEN, ORANGE, VERMILION

LOSS, VALIDATION, RATE, NORM = "train/loss", "validation/loss", "train/learning_rate", "train/gradient_norm"
ACCURACY, AUROC, AUPRC = "validation/accuracy", "validation/auroc", "validation/auprc"
DRAWN = (LOSS, VALIDATION, RATE, NORM, ACCURACY, AUROC, AUPRC)  # columns of metrics.csv
MANY = 30  # the axis is logarithmic if the highest value is this many times the lowest
ALLELES = "loss (nats/allele)"
AREAS = {AUROC: ("AUROC", BLUE, "o"), AUPRC: ("AUPRC", GREEN, "s")}


def course_pictures(courses: Mapping[str, Course], bases_per_step: int | None) -> list[Markup]:
    """Curves of the loss and of everything logged more than once; `bases_per_step` is None when steps read alleles."""
    drawn = [_losses(courses, bases_per_step)]
    if len(courses[RATE][0]) > 1:
        caption = "How far one step may move the weights; it rises at first and falls at the end."
        drawn.append(_single("rate", "Learning rate", courses[RATE], "learning rate", caption, BLUE))
    if len(courses[ACCURACY][0]) > 1:
        caption = "Share of hidden bases in held-out windows for which the likeliest base was the right one."
        drawn.append(
            _single("accuracy", "Accuracy on held-out bases", courses[ACCURACY], "share of bases", caption, VERMILION)
        )
    if len(courses[AUROC][0]) > 1:
        drawn.append(_areas(courses))
    if len(courses[NORM][0]) > 1:
        caption = "Length of the gradient before clipping; without it, peaks would have been large steps."
        drawn.append(_single("norm", "Gradient norm", courses[NORM], "gradient norm", caption, ORANGE, log=True))
    return drawn


def _losses(courses: Mapping[str, Course], bases_per_step: int | None) -> Markup:
    (steps, losses), (at, held) = courses[LOSS], courses[VALIDATION]
    told = f"training loss {losses[0]:.4g} at step {steps[0]:,.0f}, {losses[-1]:.4g} at step {steps[-1]:,.0f}"
    if len(at):
        told += f"; validation loss {held[-1]:.4g} at step {at[-1]:,.0f}, lowest {_bounds(held)[0]:.4g}"
    unit = UNIT if bases_per_step else ALLELES

    def draw(pane: Axes) -> None:
        draw_losses(pane, courses, unit=unit)
        _over_steps(pane)
        if bases_per_step:
            there, back = (partial(np.multiply, factor) for factor in (bases_per_step, 1 / bases_per_step))
            top = pane.secondary_xaxis("top", functions=(there, back))
            top.set_xlabel("bases read")
            top.xaxis.set_major_formatter(EngFormatter(sep=""))
            top.xaxis.set_major_locator(MaxNLocator(5))

    return picture("Loss", inline_svg("loss", "Loss over steps", told, draw), told.capitalize(), ".")


def _single(
    name: str, title: str, course: Course, unit: str, caption: str, colour: str, *, log: bool = False
) -> Markup:
    steps, values = course
    low, high = _bounds(values)
    told = f"{values[-1]:.4g} at step {steps[-1]:,.0f}, highest {high:.4g}, lowest {low:.4g}"

    def draw(pane: Axes) -> None:
        few = len(steps) <= 50
        pane.plot(
            *thinned(course), color=colour, linewidth=1.6 if few else 1.1, marker="o" if few else None, markersize=4
        )
        is_log = log and 0 < MANY * low < high
        if is_log:
            pane.set_yscale("log")
        pane.set_ylabel(f"{unit} (log scale)" if is_log else unit)
        _over_steps(pane)

    return picture(title, inline_svg(name, f"{title} over steps", told, draw), caption)


def _areas(courses: Mapping[str, Course]) -> Markup:
    told = ", ".join(
        f"{label} {courses[name][1][-1]:.3f}" for name, (label, _, _) in AREAS.items() if len(courses[name][1])
    )

    def draw(pane: Axes) -> None:
        for name, (label, colour, marker) in AREAS.items():
            pane.plot(*courses[name], color=colour, marker=marker, markersize=4, linewidth=1.6, label=label)
        pane.set_ylabel("area under the curve")
        pane.legend(fontsize=8, frameon=False)
        _over_steps(pane)

    svg = inline_svg("areas", "AUROC and AUPRC of held-out alleles over steps", f"at the end: {told}", draw)
    return picture("Held-out AUROC and AUPRC", svg, f"At the end: {told}.")


def _bounds(values: Float64[np.ndarray, " points"]) -> tuple[float, float]:
    """The lowest and highest finite value; a training that failed may have logged others."""
    known = values[np.isfinite(values)]
    return (float(known.min()), float(known.max())) if len(known) else (nan, nan)


def _over_steps(pane: Axes) -> None:
    pane.set_xlabel("optimizer steps")
    pane.xaxis.set_major_formatter(EngFormatter(sep=""))
    pane.xaxis.set_major_locator(MaxNLocator(6, integer=True))
