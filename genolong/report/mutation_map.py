"""A mutation map as a picture: a short region all in letters, of a long one a survey and what matters most."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

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

ROWS = 20  # of letters, at most, if they are all of a region
LEAST_BP = 24  # that the title takes
TOP, BOTTOM = 0.62, 0.22  # inches above and below what is drawn


def draw_map(drawn: DrawnMap, paths: Sequence[Path]) -> list[Path]:
    """Write the picture to every path, in the format of its suffix; raises OutputError where that cannot be."""
    scale, rows = scale_of(drawn), -(-len(drawn.codes) // ROW_BP)
    surveyed = rows > ROWS
    firsts = stretches(drawn) if surveyed else [at * ROW_BP for at in range(rows)]
    begin = TOP + SURVEY * surveyed
    size = LEFT + max(scale.row_bp, LEAST_BP) * BASE + RIGHT, begin + len(firsts) * ROW + BOTTOM
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
                heat.axes.set_xlabel(literal(f"position on {drawn.contig}"), fontsize=8, loc="left")
        return [save(figure, path) for path in paths]


def _title(figure: Figure, drawn: DrawnMap) -> None:
    place = f"{drawn.contig}:{drawn.start + 1:,}-{drawn.start + len(drawn.codes):,}"
    width, height = figure.get_size_inches()
    across = LEFT / width
    figure.text(across, 1 - 0.12 / height, literal(place), fontsize=11, va="top", fontweight="bold")
    figure.text(across, 1 - 0.34 / height, literal(drawn.origin), fontsize=8.5, va="top", color="#444444")
