"""Page section on held-out bases: the model against baselines, and the benefit of context."""

import re
from collections.abc import Mapping, Sequence
from functools import partial

from matplotlib.axes import Axes

from genolong.counted import counted
from genolong.report.context_use import draw_panel, panels_of
from genolong.report.figures import Figure, contexts_table, readers_in, readers_table
from genolong.report.html import Markup, joined
from genolong.report.inline_svg import inline_svg, legend_below, short
from genolong.report.page import note, picture, pictures, table
from genolong.report.picture import BLUE, GREEN, GREY, literal

COLOURS = {"model": BLUE, "floor": GREEN}


def held_out(figures: Sequence[Figure]) -> Markup:
    """Tables and pictures of everything that was measured."""
    found = {figure.name: figure for figure in figures}
    readers, contexts = readers_in(found), _contexts(found)
    windows = found["windows"].value if "windows" in found else None
    title = "loss on hidden bases" + (f" of {counted(round(windows), 'window')}" if windows is not None else "")
    drawn: list[Markup] = [_bits(found, readers)] if readers else []
    drawn += [
        picture(
            f"Loss against context: {panel.title}",
            inline_svg(f"context-{number}", f"Loss against context, {panel.title}", _told(panel.model, contexts),
                       partial(_panel, panel=panel, contexts=contexts)),
            "The same bases, read with less and less context: a falling line means that context pays off here.",
        )
        for number, panel in enumerate(panels_of(figures, contexts) if len(contexts) > 1 else ())
    ]  # fmt: skip
    return joined((
        pictures(*drawn),
        table(readers_table(title, figures)) if readers else note("No reader has figures in this file."),
        table(contexts_table("the same bases by context (nats/base)", contexts, figures)) if contexts else
        note("Loss with less context was not measured (contexts=false)."),
    ))  # fmt: skip


def best_bits(figures: Sequence[Figure]) -> tuple[Figure | None, Figure | None]:
    """Bits per base of the model, and of the best k-mer counter."""
    found = {figure.name: figure for figure in figures}
    return found.get("model/bits"), found.get("best_kmer/bits")


def _contexts(found: Mapping[str, Figure]) -> list[int]:
    matches = (re.fullmatch(r"context/(\d{1,12})/loss", name, re.ASCII) for name in found)
    return sorted(int(match[1]) for match in matches if match)


def _bits(found: Mapping[str, Figure], readers: Mapping[str, str]) -> Markup:
    shown = {label: found[f"{reader}/bits"] for reader, label in readers.items()}
    told = ", ".join(f"{label} {figure.value:.3f}" for label, figure in shown.items())

    def draw(pane: Axes) -> None:
        places = range(len(shown))
        pane.barh(
            places, [figure.value for figure in shown.values()], height=0.62,
            color=[COLOURS.get(reader, GREY) for reader in readers],
            xerr=[figure.standard_error or 0.0 for figure in shown.values()],
            error_kw={"elinewidth": 1.2, "capsize": 2.5},
        )  # fmt: skip
        pane.set_yticks(places, [literal(short(label)) for label in shown])
        for place, figure in enumerate(shown.values()):
            pane.annotate(f"{figure.value:.3f}", (figure.value + (figure.standard_error or 0.0), place),
                          xytext=(5, 0), textcoords="offset points", va="center", fontsize=9)  # fmt: skip
        pane.invert_yaxis()
        pane.margins(x=0.16)
        pane.set_xlim(left=0)
        pane.grid(visible=False, axis="y")
        pane.set_xlabel("bits a base, lower is better (2 = a guess among four)")

    svg = inline_svg("bits", "Bits a base for every reader", told, draw, height=max(2.4, 0.42 * len(shown) + 1.1))
    caption = "Error bars are standard errors. k-mer counters see every flank and were fitted on the training part."
    return picture("Bits a base on held-out bases", svg, caption)


def _panel(pane: Axes, *, panel, contexts: Sequence[int]) -> None:
    draw_panel(pane, panel, contexts)
    legend_below(pane, columns=2)


def _told(model: Sequence[Figure], contexts: Sequence[int]) -> str:
    return "; ".join(f"{context:,} bases: {figure.value:.3f}" for context, figure in zip(contexts, model, strict=False))
