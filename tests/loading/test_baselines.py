"""Counters see what is to be trained on, and are asked for the hidden bases of the windows, flanks and all."""

import numpy as np

from genolong.genome.coordinates import Interval
from genolong.genome.kmer_counter import fit_baselines
from genolong.loading import baselines
from genolong.loading.baselines import fit_on, score_baseline
from tests.builders.memory_genome import MemoryGenome, random_letters

GENOME = MemoryGenome({"one": random_letters(3_001, 1, unknown=0.01), "two": random_letters(1_009, 2)})
TRAIN = (Interval("one", 0, 2_003), Interval("two", 7, 809))


def test_counters_are_those_of_the_training_stretches():
    read = []
    fitted, notes = fit_on(GENOME, TRAIN, advance=read.append)
    codes = [GENOME.read(stretch)[0] for stretch in TRAIN]
    for found, wanted in zip(fitted, fit_baselines(codes, sum(map(len, codes))), strict=True):
        assert all((a == b).all() for a, b in zip(found.counts, wanted.counts, strict=True))
        assert found.strengths == wanted.strengths
    assert (sum(read), notes) == (2_003 + 802, ())


def test_of_a_large_genome_evenly_spread_pieces_are_counted_and_told(monkeypatch):
    monkeypatch.setattr(baselines, "PIECE_BP", 211)
    read = []
    fitted, (note,) = fit_on(GENOME, TRAIN, advance=read.append, most_bases=1_000)
    assert 0.8 * 1_000 < sum(read) < 1.1 * 1_000
    assert note == f"k-mer counters are fitted on {sum(read):,} of 2,805 training bases"
    assert fitted[0].counts[0].sum() <= 2 * sum(read)


def test_positions_are_scored_with_their_flanks_on_the_contig():
    windows = (Interval("one", 2_003, 2_500), Interval("two", 809, 1_009))
    (*_, counter), _ = fit_on(GENOME, TRAIN, advance=lambda _: None)
    window, position = [], []
    for number, interval in enumerate(windows):
        known = interval.start + np.flatnonzero(GENOME.read(interval)[0] < 4)
        window += [number] * len(known)
        position += known.tolist()
    nats, right = score_baseline(counter, GENOME, windows, np.array(window), np.array(position))
    for number, interval in enumerate(windows):
        chosen = np.array(window) == number
        codes, at = GENOME.codes[interval.contig], np.array(position)[chosen]
        np.testing.assert_allclose(nats[chosen], counter.losses(codes, at))
        np.testing.assert_array_equal(right[chosen], counter.probabilities(codes, at).argmax(1) == codes[at])
