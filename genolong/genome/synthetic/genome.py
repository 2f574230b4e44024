"""Draws a synthetic genome from its rules: first the positions of motifs, domains and gaps, then every letter."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8

from genolong.genome.alphabet import N
from genolong.genome.synthetic.chance import Chance
from genolong.genome.synthetic.grammar import MINUS, Grammar
from genolong.genome.synthetic.truth import ContigTruth


@dataclass(frozen=True, eq=False)
class SyntheticContig:
    """One contig: its letters as codes, which of them are lower case, and the positions of what was planted."""

    name: str
    codes: UInt8[np.ndarray, " length"]
    soft_masked: Bool[np.ndarray, " length"]
    truth: ContigTruth


@dataclass(frozen=True)
class AssemblySettings:
    """Features of a real assembly: runs of N between units, and lower-case stretches."""

    unknown_every_bp: int  # mean distance between runs of N
    unknown_longest_bp: int
    soft_masked_every_bp: int
    soft_masked_longest_bp: int


def draw_genome(
    grammar: Grammar, assembly: AssemblySettings, lengths: dict[str, int], chance: Chance
) -> Iterator[SyntheticContig]:
    """Draw the contigs one after the other."""
    for name, length in lengths.items():
        yield _draw_contig(name, length, grammar, assembly, chance)


def _draw_contig(
    name: str, length: int, grammar: Grammar, assembly: AssemblySettings, chance: Chance
) -> SyntheticContig:
    domain_starts, domain_types = _draw_domains(length, grammar, chance)
    starts, motifs, strands, unknown = _draw_units(length, grammar, assembly, chance)
    truth = ContigTruth(length, starts, motifs, strands, domain_starts, domain_types)
    rows, _ = grammar.columns()
    columns = truth.columns(grammar)
    cumulative = rows.cumsum(2)
    drawn = chance.uniform(length)
    limits = cumulative[columns, truth.types()]
    codes = (drawn[:, None] >= limits[:, :3]).sum(1).astype(np.uint8)
    codes[unknown] = N
    _fill_background(codes, (columns == 0) & ~unknown, drawn, grammar)
    soft_masked = _stretches(length, assembly.soft_masked_every_bp, assembly.soft_masked_longest_bp, chance)
    return SyntheticContig(name, codes, soft_masked, truth)


def _draw_domains(
    length: int, grammar: Grammar, chance: Chance
) -> tuple[Int64[np.ndarray, " domains"], Int64[np.ndarray, " domains"]]:
    """Starts and types: every base ends its domain with the same probability, so only the letters show the ends."""
    expected = length * grammar.switch
    starts = np.cumsum(chance.waits(grammar.switch, int(expected + 10 * np.sqrt(expected) + 20)))
    starts = np.concatenate([[0], starts[starts < length]])
    steps = chance.integers(1, grammar.types, len(starts))
    steps[0] = chance.integers(0, grammar.types, 1)[0]
    return starts, np.cumsum(steps) % grammar.types


def _draw_units(
    length: int, grammar: Grammar, assembly: AssemblySettings, chance: Chance
) -> tuple[Int64[np.ndarray, " _"], Int64[np.ndarray, " _"], Int64[np.ndarray, " _"], Bool[np.ndarray, " length"]]:
    """Draw units (a motif, or a motif and its partner, on either strand), background between them, and runs of N.

    Returns the starts, motifs and strands of all instances, left to right, and which bases are N.
    """
    sizes = np.array([len(motif.letters) for motif in grammar.motifs])
    distances = np.array([motif.distance_bp for motif in grammar.motifs])
    partners = np.array([-1 if motif.partner is None else motif.partner for motif in grammar.motifs])
    pairing, voting = np.flatnonzero(partners >= 0), np.flatnonzero(partners < 0)
    count = length // (grammar.shortest_gap_bp + int(sizes.min())) + 1
    votes = chance.uniform(count) < grammar.voting_share
    first = np.where(votes, _one_of(voting, count, chance), _one_of(pairing, count, chance))
    strand = chance.integers(0, 2, count)
    paired = (chance.uniform(count) < grammar.follow) & ~votes
    gap = grammar.shortest_gap_bp - 1 + chance.waits(1 / (1 + grammar.gap_bp - grammar.shortest_gap_bp), count)
    second = partners[first]
    extent = sizes[first] + paired * (distances[first] + sizes[second])
    interrupted = chance.uniform(count) < (gap + extent).mean() / assembly.unknown_every_bp
    run = interrupted * chance.integers(1, assembly.unknown_longest_bp + 1, count)
    ends = np.cumsum(run + gap + extent)
    fits = ends <= length
    begin, reverse = ends - extent, strand == MINUS
    first_start = np.where(reverse, ends - sizes[first], begin)
    second_start = np.where(reverse, begin, ends - sizes[second])
    both = fits & paired
    starts = np.concatenate([first_start[fits], second_start[both]])
    order = np.argsort(starts)
    motifs = np.concatenate([first[fits], second[both]])[order]
    strands = np.concatenate([strand[fits], strand[both]])[order]
    edges = np.zeros(length + 1, np.int64)
    np.add.at(edges, (begin - gap - run)[fits], 1)
    np.add.at(edges, (begin - gap)[fits], -1)
    return starts[order], motifs, strands, np.cumsum(edges[:-1]) > 0


def _one_of(choices: Int64[np.ndarray, " _"], count: int, chance: Chance) -> Int64[np.ndarray, " count"]:
    return choices[chance.integers(0, len(choices), count)]


def _fill_background(
    codes: UInt8[np.ndarray, " length"],
    background: Bool[np.ndarray, " length"],
    drawn: Float64[np.ndarray, " length"],
    grammar: Grammar,
) -> None:
    """Draw each background letter given the two before it; runs do not touch, so all runs are filled in parallel."""
    limits = grammar.background.cumsum(2)
    edges = np.flatnonzero(np.diff(background, prepend=False, append=False))
    at, ends = edges[::2].copy(), edges[1::2]
    while len(at):
        before, second = (np.where(at >= back, codes[np.maximum(at - back, 0)], N) for back in (1, 2))
        codes[at] = (drawn[at][:, None] >= limits[second, before, :3]).sum(1)
        at, ends = at[at + 1 < ends] + 1, ends[at + 1 < ends]


def _stretches(length: int, every_bp: int, longest_bp: int, chance: Chance) -> Bool[np.ndarray, " length"]:
    count = length // every_bp
    starts = chance.integers(0, length, count)
    edges = np.zeros(length + 1, np.int64)
    np.add.at(edges, starts, 1)
    np.add.at(edges, np.minimum(starts + chance.integers(1, longest_bp + 1, count), length), -1)
    return np.cumsum(edges[:-1]) > 0
