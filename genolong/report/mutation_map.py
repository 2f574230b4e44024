"""A mutation map as a picture: a short region entirely in letters, a long one as a survey and its top stretches."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from genolong.report.mutation_rows import (
    BASE,
    BELOW,
    LEFT,
    RIGHT,
    ROW,
    ROW_BP,
    DrawnMap,
    colour_bar,
    draw_row,
    scale_of,
)
from genolong.report.mutation_survey import SURVEY, draw_survey, stretches
from genolong.report.picture import literal, save

ROWS = 20  # rows of letters, at most, for a region shown without a survey
TOP, BOTTOM = 0.62, 0.22  # inches above and below what is drawn
PLACE, ORIGIN, AXIS = 11.0, 8.5, 8.0  # points


def draw_map(drawn: DrawnMap, paths: Sequence[Path]) -> list[Path]:
    """Writes the picture to every path, in the format of its suffix; raises OutputError if that is not possible."""
    scale, rows = scale_of(drawn), -(-len(drawn.codes) // ROW_BP)
    surveyed = rows > ROWS
    firsts = stretches(drawn) if surveyed else [at * ROW_BP for at in range(rows)]
    begin = TOP + SURVEY * surveyed
    size = LEFT + max(scale.row_bp * BASE, _widest_text(drawn)) + RIGHT, begin + len(firsts) * ROW + BOTTOM
    with rc_context({"svg.hashsalt": "genolong"}):
        figure = Figure(figsize=size, dpi=150)
        FigureCanvasAgg(figure)
        _title(figure, drawn)
        if surveyed:
            draw_survey(figure, drawn, scale, firsts, TOP)
        for number, first in enumerate(firsts):
            name = str(number + 1) if surveyed else ""
            heat = draw_row(figure, drawn.part(first, first + ROW_BP), scale, begin + number * ROW, name)
            if number == 0 and not surveyed:  # the same for all rows
                colour_bar(figure, heat, begin, ROW - BELOW, scale)
            if first == firsts[-1]:
                assert heat.axes is not None, "drawn there"
                heat.axes.set_xlabel(literal(_axis(drawn)), fontsize=AXIS, loc="left")
        return [save(figure, path) for path in paths]


def _title(figure: Figure, drawn: DrawnMap) -> None:
    width, height = figure.get_size_inches()
    across = LEFT / width
    figure.text(across, 1 - 0.12 / height, literal(_place(drawn)), fontsize=PLACE, va="top", fontweight="bold")
    figure.text(across, 1 - 0.34 / height, literal(drawn.origin), fontsize=ORIGIN, va="top", color="#444444")


def _place(drawn: DrawnMap) -> str:
    return f"{drawn.contig}:{drawn.start + 1:,}-{drawn.start + len(drawn.codes):,}"


def _axis(drawn: DrawnMap) -> str:
    return f"position on {drawn.contig}"


def _widest_text(drawn: DrawnMap) -> float:
    """Width in inches of the widest text: names may be longer than the drawing is wide."""
    texts = ((_place(drawn), PLACE, "bold"), (drawn.origin, ORIGIN, "normal"), (_axis(drawn), AXIS, "normal"))
    return max(
        TextPath((0, 0), literal(text), size=size, prop=FontProperties(weight=weight)).get_extents().width / 72
        for text, size, weight in texts
    )  # fmt: skip
