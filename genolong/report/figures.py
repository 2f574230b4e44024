"""Named figures: means over hidden bases with standard errors, for several readers, and tables of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, log, sqrt
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

NATS, BITS, SHARE = "nats/base", "bits/base", "share"
READERS = {"composition": "base composition", "model": "model", "floor": "perfect reader"}  # how they are shown


@dataclass(frozen=True)
class Figure:
    """A value with its name (`reader/what`), unit, number of bases or alleles, and standard error if known."""

    name: str
    value: float
    unit: str
    n: int
    standard_error: float | None

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "n": self.n,
            "standard_error": self.standard_error,
        }

    @classmethod
    def of(cls, noted: Mapping[str, Any]) -> "Figure":
        """The figure that as_json gave; raises ValueError, KeyError or TypeError for anything else."""
        error = noted["standard_error"]
        return cls(
            str(noted["name"]), float(noted["value"]), str(noted["unit"]), int(noted["n"]),
            None if error is None else float(error),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Bases:
    """The hidden bases that all readers predict: the window of each, and the classes to report separately.

    Classes without any base have no figures.
    """

    window: Int64[np.ndarray, " positions"]
    classes: Mapping[str, Bool[np.ndarray, " positions"]]

    def mean(
        self, name: str, values: Float64[np.ndarray, " positions"], unit: str, chosen: Bool[np.ndarray, " positions"]
    ) -> Figure:
        """The mean over the chosen bases; its standard error treats windows, not bases, as independent."""
        window, values = self.window[chosen], values[chosen]
        _, group = np.unique(window, return_inverse=True)
        sums, counts = np.bincount(group, values), np.bincount(group)
        mean, windows = float(sums.sum() / counts.sum()), len(counts)
        # variance of the ratio estimator (Cochran, Sampling Techniques, 1977, section 6.4), windows as clusters
        spread = float(((sums - mean * counts) ** 2).sum())
        error = sqrt(spread * windows / (windows - 1)) / len(values) if windows > 1 else None
        return Figure(name, mean, unit, len(values), error)

    def by_class(self, name: str, values: Float64[np.ndarray, " positions"], unit: str) -> list[Figure]:
        """Figures `name` over all bases, and `name_class` for every class that has bases."""
        everything = np.ones(len(self.window), bool)
        named = {name: everything, **{f"{name}_{each}": chosen for each, chosen in self.classes.items()}}
        return [self.mean(title, values, unit, chosen) for title, chosen in named.items() if chosen.any()]

    def of_reader(
        self, reader: str, nats: Float64[np.ndarray, " positions"], right: Bool[np.ndarray, " positions"]
    ) -> list[Figure]:
        """Loss, bits and accuracy of one reader over all bases, and loss and accuracy by class."""
        loss, *losses = self.by_class(f"{reader}/loss", nats, NATS)
        bits = Figure(f"{reader}/bits", loss.value / log(2), BITS, loss.n, _scaled(loss.standard_error, 1 / log(2)))
        return [loss, bits, *losses, *self.by_class(f"{reader}/accuracy", right.astype(float), SHARE)]


@dataclass(frozen=True)
class Table:
    """A title, column names and rows of text; the first column holds text, the others numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def counter_name(flank: int) -> str:
    """What figures call the k-mer counter that sees so many bases on either side."""
    return f"kmer_{flank}+{flank}" if flank else "composition"


def readers_in(found: Mapping[str, Figure]) -> dict[str, str]:
    """The readers that were measured, baselines first: their names in figures, and how they are shown."""
    best, readers = found.get("best_kmer/flank"), {}
    for name in found:
        reader, _, what = name.rpartition("/")
        if what != "bits" or reader == "best_kmer":
            continue
        label = READERS.get(reader, reader.replace("kmer_", "k-mer "))
        is_best = best is not None and isfinite(best.value) and reader == counter_name(round(best.value))
        readers[reader] = f"{label} (best)" if is_best else label
    order = {"floor": 2, "model": 1}
    return dict(sorted(readers.items(), key=lambda pair: order.get(pair[0], 0)))


def readers_table(title: str, figures: Sequence[Figure]) -> Table:
    """A row per reader, and a column per figure that any of them has."""
    names = {
        "loss": "nats/base", "bits": "bits/base", "accuracy": "accuracy", "loss_unmasked": "unmasked",
        "loss_soft_masked": "soft-masked", "loss_planted": "planted", "loss_slots": "slots",
    }  # fmt: skip
    found = {figure.name: figure for figure in figures}
    readers = readers_in(found)
    kept = [what for what in names if any(f"{reader}/{what}" in found for reader in readers)]
    rows = [(label, *(_cell(found.get(f"{reader}/{what}")) for what in kept)) for reader, label in readers.items()]
    return Table(title, ("reader", *(names[what] for what in kept)), tuple(rows))


def contexts_table(title: str, contexts: Sequence[int], figures: Sequence[Figure]) -> Table:
    """A row per context, with columns for what was measured."""
    names = {
        "loss": "model", "floor": "perfect reader",
        "loss_slots": "model, slots", "floor_slots": "perfect reader, slots",
    }  # fmt: skip
    found = {figure.name: figure for figure in figures}
    kept = [what for what in names if f"context/{contexts[0]}/{what}" in found]
    rows = [(f"{context:,}", *(_cell(found.get(f"context/{context}/{what}")) for what in kept)) for context in contexts]
    return Table(title, ("context", *(names[what] for what in kept)), tuple(rows))


def everything_table(title: str, figures: Sequence[Figure]) -> Table:
    """A row per figure, as it is in the file."""
    rows = [
        (figure.name, f"{figure.value:.6g}", "–" if figure.standard_error is None else f"{figure.standard_error:.2g}",
         figure.unit, f"{figure.n:,}")
        for figure in figures
    ]  # fmt: skip
    return Table(title, ("figure", "value", "standard error", "unit", "n"), tuple(rows))


def _scaled(error: float | None, factor: float) -> float | None:
    return None if error is None else error * factor


def _cell(figure: Figure | None) -> str:
    """The value; shares in percent, losses in nats with their standard error, which hints at that of the others."""
    if figure is None:
        return "–"
    if figure.unit == SHARE:
        return f"{figure.value:.1%}"
    error = "" if figure.standard_error is None or figure.unit != NATS else f" ±{figure.standard_error:.3f}"
    return f"{figure.value:.3f}{error}"
