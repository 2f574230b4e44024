"""A picture's frame: size, colours that colour-blind people tell apart, and its file, without any screen."""

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
    """An empty picture with so many panels side by side, each `width` inches wide."""
    figure = Figure(figsize=(width * panels, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(literal(title), fontsize=11)
    panes = figure.subplots(1, panels, squeeze=False)[0]
    for pane in panes:
        frame(pane)
    return figure, list(panes)


def frame(pane: Axes) -> None:
    """A light grid behind what is drawn, and axes on two sides only."""
    pane.grid(visible=True, color=GRID, linewidth=0.7)
    pane.set_axisbelow(True)
    for side in ("top", "right"):
        pane.spines[side].set_visible(False)


def literal(text: str) -> str:
    """Names from files as they are: matplotlib sets what stands between $ as mathematics, and hides a leading _."""
    return (" " if text.startswith("_") else "") + text.replace("$", r"\$")


def save(figure: Figure, path: Path) -> Path:
    """Write a PNG, or an SVG where its name ends so, whole or not at all; raises OutputError where that cannot be."""
    svg, drawn = path.suffix == ".svg", BytesIO()
    figure.savefig(drawn, format="svg" if svg else "png", metadata={"Date": None} if svg else None)
    write_whole(path, drawn.getvalue())
    return path


def counted(number: int) -> str:
    """512, 32k or 1M, powers of two as people name them; others with commas."""
    for unit, size in (("M", 1 << 20), ("k", 1 << 10)):
        if number >= size and number % size == 0:
            return f"{number // size}{unit}"
    return f"{number:,}"
