"""k-mer baselines fitted on a model's training data, to predict hidden bases and score substitutions."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8

from genolong.genome.alleles import ContigNames
from genolong.genome.alphabet import N
from genolong.genome.coordinates import Interval
from genolong.genome.fasta import Genome
from genolong.genome.kmer_counter import LARGEST_FLANK, KmerCounter, fit_baselines
from genolong.genome.tiles import GenomeTiles
from genolong.loading.labelled_alleles import Substitutions
from genolong.loading.stretches import count_bases

PIECE_BP = 1 << 24  # bases of a stretch read at once
MOST_BASES = 200_000_000  # to count; more would not improve the comparison with a model
MOST_HELD_OUT = 1 << 22  # to choose a counter by, besides the first window


def fit_on(
    genome: Genome, stretches: Sequence[Interval], *, advance: Callable[[int], None], most_bases: int = MOST_BASES
) -> tuple[list[KmerCounter], tuple[str, ...]]:
    """Counters fitted on the stretches, and notes; above `most_bases` in total, on evenly spread pieces of them.

    `advance` is called with the number of bases read.
    """
    total = count_bases(stretches)
    share = max(1, -(-total // most_bases))
    parts = list(islice(_parts(stretches, PIECE_BP // share), 0, None, share))
    bases = count_bases(parts)
    notes = (f"k-mer counters are fitted on {bases:,} of {total:,} training bases",) if bases < total else ()
    return fit_baselines(_read(genome, parts, advance), bases), notes


def score_baseline(
    baseline: KmerCounter,
    genome: Genome,
    windows: Sequence[Interval],
    window: Int64[np.ndarray, " positions"],
    position: Int64[np.ndarray, " positions"],
) -> tuple[Float64[np.ndarray, " positions"], Bool[np.ndarray, " positions"]]:
    """The loss in nats at each contig position, and whether the most likely base is right.

    Positions are sorted by window. All flanks are visible, even beyond the window.
    """
    nats, right = [np.zeros(0)], [np.zeros(0, bool)]
    bounds = np.searchsorted(window, np.arange(len(windows) + 1))
    for interval, first, last in zip(windows, bounds[:-1], bounds[1:], strict=True):
        codes = _with_flanks(genome, interval)
        at = position[first:last] - interval.start + LARGEST_FLANK
        chances = baseline.probabilities(codes, at)
        nats.append(-np.log(chances[np.arange(len(at)), codes[at]]))
        right.append(chances.argmax(1) == codes[at])
    return np.concatenate(nats), np.concatenate(right)


def best_on(baselines: Sequence[KmerCounter], genome: Genome, windows: Sequence[Interval]) -> KmerCounter:
    """The one with the lowest loss on the known bases of held-out windows: on the training part, repeats mislead.

    Of many windows, evenly spread ones are read.
    """
    lost = np.zeros(len(baselines))
    for window in windows[:: max(1, -(-count_bases(windows) // MOST_HELD_OUT))]:
        codes = _with_flanks(genome, window)
        known = LARGEST_FLANK + np.flatnonzero(codes[LARGEST_FLANK:-LARGEST_FLANK] < N)
        lost += [baseline.losses(codes, known).sum() for baseline in baselines]
    return baselines[int(lost.argmin())]


def score_substitutions(
    baseline: KmerCounter, tiles: GenomeTiles, names: ContigNames, sites: Substitutions
) -> Float64[np.ndarray, " alleles"]:
    """log p(REF) - log p(ALT) in nats, all flanks visible; NaN if REF is not in the genome or for non-SNVs."""
    length = 2 * baseline.flank + 1
    codes = np.full((len(sites.position), length), N, np.uint8)
    contigs = [names.find(text) for text in sites.contig.texts]
    for row in np.flatnonzero(sites.reference < N):
        contig = contigs[sites.contig.numbers[row]]
        if contig is not None:
            start = int(sites.position[row]) - baseline.flank
            codes[row] = tiles.codes(Interval(contig, start, start + length))
    rows = np.flatnonzero((sites.reference < N) & (codes[:, baseline.flank] == sites.reference))
    chances = np.log(baseline.probabilities(codes[rows].ravel(), length * np.arange(len(rows)) + baseline.flank))
    scores = np.full(len(codes), np.nan)
    at = np.arange(len(rows))
    scores[rows] = chances[at, sites.reference[rows]] - chances[at, sites.alternate[rows]]
    return scores


def _with_flanks(genome: Genome, interval: Interval) -> UInt8[np.ndarray, " _"]:
    """The interval's codes, and the longest flank of any counter on either side."""
    start, end = interval.start - LARGEST_FLANK, interval.end + LARGEST_FLANK
    return genome.read(Interval(interval.contig, start, end))[0]


def _parts(stretches: Sequence[Interval], part_bp: int) -> Iterator[Interval]:
    for stretch in stretches:
        for start in range(stretch.start, stretch.end, part_bp):
            yield Interval(stretch.contig, start, min(start + part_bp, stretch.end))


def _read(
    genome: Genome, parts: Sequence[Interval], advance: Callable[[int], None]
) -> Iterator[UInt8[np.ndarray, " _"]]:
    for part in parts:
        yield genome.read(part)[0]
        advance(part.length)
