"""Whether long context pays off: loss against context length, compared with baselines that use no context."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

from genolong.report.figures import Figure
from genolong.report.picture import BLUE, GREEN, GREY, ORANGE, draw_panels, in_short, save

PANELS = {"": "all bases", "_slots": "slots (votes for the domain's type)"}


@dataclass(frozen=True)
class Panel:
    """Bases of one class: loss per context of the model and a perfect reader, if known; and context-free baselines."""

    title: str
    model: Sequence[Figure]
    floor: Sequence[Figure]
    baselines: Mapping[str, Figure]


def draw_context_use(path: Path, title: str, contexts: Sequence[int], panels: Sequence[Panel]) -> Path:
    """Draws a panel per class of bases, nats/base against context on a logarithmic axis, and saves the picture."""
    figure, panes = draw_panels(title, len(panels))
    for pane, panel in zip(panes, panels, strict=True):
        draw_panel(pane, panel, contexts)
        pane.set_title(f"{panel.title} (n = {panel.model[0].n:,})", fontsize=10)
    figure.legend(*panes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return save(figure, path)


def panels_of(figures: Iterable[Figure], contexts: Sequence[int]) -> list[Panel]:
    """A panel for each class of bases that was measured with several contexts."""
    found = {figure.name: figure for figure in figures}
    panels = []
    for suffix, title in PANELS.items():
        model, floor = (
            [found[name] for context in contexts if (name := f"context/{context}/{what}{suffix}") in found]
            for what in ("loss", "floor")
        )
        flat = {"best k-mer counter": f"best_kmer/loss{suffix}", "base composition": f"composition/loss{suffix}"}
        if model:
            panels.append(Panel(title, model, floor, {label: found[name] for label, name in flat.items()}))
    return panels


def draw_panel(pane: Axes, panel: Panel, contexts: Sequence[int]) -> None:
    """Draws one panel."""
    for (name, baseline), colour, dashes in zip(panel.baselines.items(), (GREY, ORANGE), ("--", "-."), strict=False):
        pane.axhline(baseline.value, color=colour, linestyle=dashes, linewidth=1.4, label=name)
    _line(pane, contexts, panel.model, BLUE, "o", "model")
    if panel.floor:
        _line(pane, contexts, panel.floor, GREEN, "s", "perfect reader")
    pane.set_xscale("log", base=2)
    pane.xaxis.set_major_locator(FixedLocator(list(contexts)))
    pane.xaxis.set_minor_locator(NullLocator())
    pane.xaxis.set_minor_formatter(NullFormatter())
    pane.set_xticklabels([in_short(context) for context in contexts], rotation=45 if len(contexts) > 8 else 0)
    pane.set_xlabel("context the model is given (bases)")
    pane.set_ylabel("loss on hidden bases (nats/base)")


def _line(pane: Axes, contexts: Sequence[int], figures: Sequence[Figure], colour: str, marker: str, label: str) -> None:
    errors = [figure.standard_error or 0.0 for figure in figures]
    pane.errorbar(
        contexts, [figure.value for figure in figures], yerr=errors,
        color=colour, marker=marker, markersize=4.5, linewidth=1.8, capsize=2.5, label=label,
    )  # fmt: skip
