"""The frame of a picture: size, colours that colour-blind people can distinguish, and saving it without a display."""

from io import BytesIO
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from genolong.genome.files.partial_file import write_whole

# Okabe and Ito, Color Universal Design (2008)
BLUE, ORANGE, GREEN, VERMILION, SKY, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#666666"
GRID = "#e3e3e3"


def draw_panels(title: str, panels: int, *, width: float = 6.4, height: float = 4.4) -> tuple[Figure, list[Axes]]:
    """An empty picture with a number of panels side by side, each `width` inches wide."""
    figure = Figure(figsize=(width * panels, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(literal(title), fontsize=11)
    panes = figure.subplots(1, panels, squeeze=False)[0]
    for pane in panes:
        frame(pane)
    return figure, list(panes)


def frame(pane: Axes) -> None:
    """A light grid in the background, and axes on two sides only."""
    pane.grid(visible=True, color=GRID, linewidth=0.7)
    pane.set_axisbelow(True)
    for side in ("top", "right"):
        pane.spines[side].set_visible(False)


def literal(text: str) -> str:
    """Text that matplotlib draws as it is: it would read $...$ as mathematics, and hide a label with leading _."""
    return (" " if text.startswith("_") else "") + text.replace("$", r"\$")


def save(figure: Figure, path: Path) -> Path:
    """Writes a PNG, or an SVG for that suffix, atomically; raises OutputError if that is not possible."""
    svg, drawn = path.suffix == ".svg", BytesIO()
    figure.savefig(drawn, format="svg" if svg else "png", metadata={"Date": None} if svg else None)
    write_whole(path, drawn.getvalue())
    return path


def in_short(number: int) -> str:
    """Powers of two as people write them (512, 32k, 1M), other numbers with commas."""
    for unit, size in (("M", 1 << 20), ("k", 1 << 10)):
        if number >= size and number % size == 0:
            return f"{number // size}{unit}"
    return f"{number:,}"
