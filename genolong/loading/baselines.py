"""Baselines on the bases that the model is asked for: counters fitted on what it was trained on."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8

from genolong.genome.coordinates import Interval
from genolong.genome.fasta import Genome
from genolong.genome.kmer_counter import LARGEST_FLANK, KmerCounter, fit_baselines
from genolong.loading.stretches import count_bases

PIECE_BP = 1 << 24  # of a stretch, read at once
MOST_BASES = 200_000_000  # counted; more would not tell the largest counter apart from a model any better


def fit_on(
    genome: Genome, stretches: Sequence[Interval], *, advance: Callable[[int], None], most_bases: int = MOST_BASES
) -> tuple[list[KmerCounter], tuple[str, ...]]:
    """Counters fitted on the stretches (evenly spread pieces of them beyond `most_bases` in all), and the notes.

    `advance` is told how many bases were read.
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
    """Nats lost at each position in the contig of its window, and whether the likeliest base is right.

    Positions are sorted by window. All flanks are visible, those beyond the window too.
    """
    nats, right = [np.zeros(0)], [np.zeros(0, bool)]
    bounds = np.searchsorted(window, np.arange(len(windows) + 1))
    for interval, first, last in zip(windows, bounds[:-1], bounds[1:], strict=True):
        start = interval.start - LARGEST_FLANK
        codes, _ = genome.read(Interval(interval.contig, start, interval.end + LARGEST_FLANK))
        at = position[first:last] - start
        chances = baseline.probabilities(codes, at)
        nats.append(-np.log(chances[np.arange(len(at)), codes[at]]))
        right.append(chances.argmax(1) == codes[at])
    return np.concatenate(nats), np.concatenate(right)


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
