"""Named figures: means over hidden bases with their standard errors, one reader beside another, and their table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log, sqrt
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

NATS, BITS, SHARE = "nats/base", "bits/base", "share"


@dataclass(frozen=True)
class Figure:
    """A number, its name (`reader/what`) and unit, how many bases or alleles it rests on, its standard error if any."""

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
        """The figure that as_json described; raises ValueError, KeyError or TypeError for anything else."""
        error = noted["standard_error"]
        return cls(
            str(noted["name"]), float(noted["value"]), str(noted["unit"]), int(noted["n"]),
            None if error is None else float(error),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Bases:
    """The bases that all readers are asked for: the window each belongs to, and the classes that are told apart.

    A class without a base has no figures.
    """

    window: Int64[np.ndarray, " positions"]
    classes: Mapping[str, Bool[np.ndarray, " positions"]]

    def mean(
        self, name: str, values: Float64[np.ndarray, " positions"], unit: str, chosen: Bool[np.ndarray, " positions"]
    ) -> Figure:
        """The mean over the chosen bases; windows, not bases, are taken as independent."""
        window, values = self.window[chosen], values[chosen]
        _, group = np.unique(window, return_inverse=True)
        sums, counts = np.bincount(group, values), np.bincount(group)
        mean, windows = float(sums.sum() / counts.sum()), len(counts)
        # the ratio estimator's variance (Cochran, Sampling Techniques, 1977, section 6.4), windows as its clusters
        spread = float(((sums - mean * counts) ** 2).sum())
        error = sqrt(spread * windows / (windows - 1)) / len(values) if windows > 1 else None
        return Figure(name, mean, unit, len(values), error)

    def by_class(self, name: str, values: Float64[np.ndarray, " positions"], unit: str) -> list[Figure]:
        """`name` over all bases, and `name_class` over those of every class that has any."""
        everything = np.ones(len(self.window), bool)
        named = {name: everything, **{f"{name}_{each}": chosen for each, chosen in self.classes.items()}}
        return [self.mean(title, values, unit, chosen) for title, chosen in named.items() if chosen.any()]

    def of_reader(
        self, reader: str, nats: Float64[np.ndarray, " positions"], right: Bool[np.ndarray, " positions"]
    ) -> list[Figure]:
        """Loss, bits and accuracy of one reader: over all bases, and loss and accuracy by class."""
        loss, *losses = self.by_class(f"{reader}/loss", nats, NATS)
        bits = Figure(f"{reader}/bits", loss.value / log(2), BITS, loss.n, _scaled(loss.standard_error, 1 / log(2)))
        return [loss, bits, *losses, *self.by_class(f"{reader}/accuracy", right.astype(float), SHARE)]


@dataclass(frozen=True)
class Table:
    """Lines of text under a title and names of columns; the first column is text, the others are numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def readers_table(title: str, readers: Mapping[str, str], figures: Sequence[Figure]) -> Table:
    """A row for every reader (name in figures → as people read it), a column for every figure that one of them has."""
    names = {
        "loss": "nats/base", "bits": "bits/base", "accuracy": "accuracy", "loss_unmasked": "unmasked",
        "loss_soft_masked": "soft-masked", "loss_planted": "planted", "loss_slots": "slots",
    }  # fmt: skip
    found = {figure.name: figure for figure in figures}
    kept = [what for what in names if any(f"{reader}/{what}" in found for reader in readers)]
    rows = [(label, *(_cell(found.get(f"{reader}/{what}")) for what in kept)) for reader, label in readers.items()]
    return Table(title, ("reader", *(names[what] for what in kept)), tuple(rows))


def contexts_table(title: str, contexts: Sequence[int], figures: Sequence[Figure]) -> Table:
    """A row for every context, columns for what was measured at it."""
    names = {
        "loss": "model", "floor": "perfect reader",
        "loss_slots": "model, slots", "floor_slots": "perfect reader, slots",
    }  # fmt: skip
    found = {figure.name: figure for figure in figures}
    kept = [what for what in names if f"context/{contexts[0]}/{what}" in found]
    rows = [(f"{context:,}", *(_cell(found.get(f"context/{context}/{what}")) for what in kept)) for context in contexts]
    return Table(title, ("context", *(names[what] for what in kept)), tuple(rows))


def everything_table(title: str, figures: Sequence[Figure]) -> Table:
    """A row for every figure, as it stands in the file."""
    rows = [
        (figure.name, f"{figure.value:.6g}", "–" if figure.standard_error is None else f"{figure.standard_error:.2g}",
         figure.unit, f"{figure.n:,}")
        for figure in figures
    ]  # fmt: skip
    return Table(title, ("figure", "value", "standard error", "unit", "n"), tuple(rows))


def _scaled(error: float | None, factor: float) -> float | None:
    return None if error is None else error * factor


def _cell(figure: Figure | None) -> str:
    """The value, shares in percent; losses in nats with their standard error, which tells that of the others."""
    if figure is None:
        return "–"
    if figure.unit == SHARE:
        return f"{figure.value:.1%}"
    error = "" if figure.standard_error is None or figure.unit != NATS else f" ±{figure.standard_error:.3f}"
    return f"{figure.value:.3f}{error}"
