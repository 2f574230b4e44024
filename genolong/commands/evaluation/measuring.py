"""What evaluate measures on the same hidden bases: model, baselines, and a perfect reader of synthetic genomes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64
from torch import nn

from genolong.counted import counted
from genolong.errors import InputError
from genolong.genome.coordinates import Interval
from genolong.genome.fasta import Genome
from genolong.genome.synthetic.perfect_reader import PerfectReader
from genolong.loading.baselines import fit_on, score_baseline
from genolong.loading.contexts import pieces
from genolong.loading.masking import MaskingSettings
from genolong.loading.stretches import count_bases
from genolong.long_work import follow
from genolong.report.figures import NATS, Bases, Figure, counter_name
from genolong.tasks.evaluation import Scores, score


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Held-out windows of equal length, how their bases are hidden, and the training regions for baselines.

    `truth` has a perfect reader for every contig of a synthetic genome; it is empty for other genomes.
    """

    genome: Genome
    windows: Sequence[Interval]
    train: Sequence[Interval]
    masking: MaskingSettings
    seed: int
    truth: Mapping[str, PerfectReader]


@dataclass(frozen=True)
class Measured:
    """All figures, and notes for the user."""

    figures: tuple[Figure, ...]
    notes: tuple[str, ...]


def measure(model: nn.Module, held_out: HeldOut, contexts: Sequence[int], device: torch.device) -> Measured:
    """Scores the model on whole windows and at every context, and the other readers on the same bases."""
    window_bp = held_out.windows[0].length
    scores = _read(model, held_out, window_bp, device)
    if not len(scores.nats):
        raise InputError(
            f"none of the bases of {counted(len(held_out.windows), 'window')} is hidden, so none can be "
            "scored; wanted windows with known bases; take more of them (windows=0), a larger share=, or other contigs "
            "(data.validation)"
        )
    bases = Bases(scores.window, _classes(held_out, scores))
    figures = [Figure("windows", float(len(held_out.windows)), "windows", len(scores.nats), None)]
    figures += bases.of_reader("model", scores.nats, scores.right)
    baselines, best = _baselines(held_out, scores, bases)
    figures += baselines.figures
    figures += bases.by_class("model/gain_over_best_kmer", best - scores.nats, NATS)
    if held_out.truth:
        floor, right = _floor(held_out, scores)
        figures += bases.of_reader("floor", floor, right)
    for context_bp in contexts:
        cut = scores if context_bp == window_bp else _read(model, held_out, context_bp, device)
        figures += _of_context(context_bp, held_out, cut, bases)
    return Measured(tuple(figures), baselines.notes)


def _read(model: nn.Module, held_out: HeldOut, context_bp: int, device: torch.device) -> Scores:
    lengths = held_out.genome.lengths
    views = pieces(held_out.windows, context_bp, lengths)
    advance = follow(f"reading with {context_bp:,} bases in view", sum(piece.view.length for piece in views))
    return score(model, held_out.genome, views, held_out.masking, held_out.seed, device=device, advance=advance)


def _classes(held_out: HeldOut, scores: Scores) -> dict[str, Bool[np.ndarray, " positions"]]:
    """Soft-masked or unmasked, if there are soft-masked bases; planted and slots, if the truth is known."""
    classes = {}
    if scores.soft_masked.any():
        classes = {"unmasked": ~scores.soft_masked, "soft_masked": scores.soft_masked}
    if held_out.truth:
        columns, slots = np.zeros(len(scores.nats), np.int64), np.zeros(len(scores.nats), bool)
        for chosen, reader in _by_contig(held_out, scores):
            columns[chosen] = reader.columns[scores.position[chosen]]
            slots[chosen] = reader.grammar.is_slot()[columns[chosen]]
        classes |= {"planted": columns > 0, "slots": slots}
    return classes


def _baselines(held_out: HeldOut, scores: Scores, bases: Bases) -> tuple[Measured, Float64[np.ndarray, " positions"]]:
    """The figures of all counters, and the loss of the best one at each base.

    Best is the one with the lowest loss on these very bases: no choice among counters would be harder to beat.
    """
    advance = follow("counting k-mers", count_bases(held_out.train))
    counters, notes = fit_on(held_out.genome, held_out.train, advance=advance)
    advance = follow("asking k-mer counters", len(counters))
    found = []
    for counter in counters:
        found.append(score_baseline(counter, held_out.genome, held_out.windows, scores.window, scores.position))
        advance(1)
    best = min(range(len(found)), key=lambda at: found[at][0].mean())
    figures = []
    for counter, read in zip(counters, found, strict=True):
        figures += bases.of_reader(counter_name(counter.flank), *read)
    figures += bases.of_reader("best_kmer", *found[best])
    nats, _ = found[best]
    figures.append(Figure("best_kmer/flank", float(counters[best].flank), "bases", len(nats), None))
    return Measured(tuple(figures), notes), nats


def _of_context(context_bp: int, held_out: HeldOut, scores: Scores, bases: Bases) -> list[Figure]:
    """The same bases, read with a context of `context_bp`."""
    assert np.array_equal(scores.window, bases.window), "every context is asked for the same bases"
    figures = bases.by_class(f"context/{context_bp}/loss", scores.nats, NATS)
    if held_out.truth:
        figures += bases.by_class(f"context/{context_bp}/floor", _floor(held_out, scores)[0], NATS)
    return figures


def _floor(
    held_out: HeldOut, scores: Scores
) -> tuple[Float64[np.ndarray, " positions"], Bool[np.ndarray, " positions"]]:
    """The loss of a perfect reader that sees all other bases of the view, and whether its likeliest base is right."""
    nats, right = np.zeros(len(scores.nats)), np.zeros(len(scores.nats), bool)
    advance = follow("asking the perfect reader", len(scores.nats))
    for chosen, reader in _by_contig(held_out, scores):
        at = scores.position[chosen]
        chances = reader.probabilities(at, scores.view_start[chosen], scores.view_end[chosen])
        nats[chosen] = -np.log(chances[np.arange(len(at)), reader.codes[at]])
        right[chosen] = chances.argmax(1) == reader.codes[at]
        advance(len(at))
    return nats, right


def _by_contig(held_out: HeldOut, scores: Scores):
    names = np.array([window.contig for window in held_out.windows])[scores.window]
    return ((np.flatnonzero(names == contig), reader) for contig, reader in held_out.truth.items())
