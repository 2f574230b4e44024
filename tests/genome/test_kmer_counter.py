"""Counters against dictionaries of k-mers, on both strands, with N, and their loss against what is known exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genolong.genome.alphabet import encode, reverse_complement
from genolong.genome.kmer_counter import fit_baselines
from tests.builders.genomes import random_letters
from tests.oracles.kmer_counter import chance, kmers_of_both_strands

dna = st.text("ACGT", min_size=1, max_size=61)
with_unknown = st.text("ACGTN", min_size=1, max_size=61)


def fitted(contigs, bases=4**4):
    return fit_baselines([encode(letters.encode()) for letters in contigs], bases)


@given(contigs=st.lists(with_unknown, min_size=1, max_size=3), around=st.text("ACGT", min_size=5, max_size=5))
def test_counters_say_what_dictionaries_say(contigs, around):
    baselines = fitted(contigs)
    assert [baseline.flank for baseline in baselines] == [0, 1, 2]
    largest = kmers_of_both_strands(contigs, 5)
    counts = []
    for flank in range(3):
        counts.append(type(largest)())
        for kmer, count in largest.items():
            counts[flank][kmer[2 - flank : 3 + flank]] += count
    for flank, baseline in enumerate(baselines):
        chances = baseline.probabilities(encode(around.encode()), np.array([2]))[0]
        seen = around[2 - flank : 3 + flank]
        wanted = [chance(counts[: flank + 1], baseline.strengths, seen, letter) for letter in "ACGT"]
        np.testing.assert_allclose(chances, wanted, rtol=1e-12)


@given(contigs=st.lists(dna, min_size=1, max_size=3), read=dna)
def test_both_strands_are_read_alike(contigs, read):
    baseline = fitted(contigs)[-1]
    codes = encode(read.encode())
    there = np.arange(len(codes))
    forward = baseline.losses(codes, there)
    np.testing.assert_allclose(baseline.losses(reverse_complement(codes), there)[::-1], forward, rtol=1e-12)


@given(contig=st.text("ACGT", min_size=31, max_size=61), left=st.text("ACGT", min_size=2, max_size=2))
def test_a_flank_cut_by_N_or_the_end_is_a_shorter_flank(contig, left):
    composition, one, two = fitted([contig])
    assert [composition.flank, one.flank, two.flank] == [0, 1, 2]
    cut = encode(f"N{left}AT".encode())
    at = np.array([2])
    np.testing.assert_array_equal(two.probabilities(cut, at), one.probabilities(cut, at))
    ends = np.array([0, 4])
    np.testing.assert_array_equal(two.probabilities(cut, ends)[1], composition.probabilities(cut, ends)[1])


@given(contigs=st.lists(with_unknown, min_size=1, max_size=3), read=dna)
def test_chances_are_positive_and_sum_to_one(contigs, read):
    codes = encode(read.encode())
    for baseline in fitted(contigs):
        chances = baseline.probabilities(codes, np.arange(len(codes)))
        assert (chances > 0).all()
        np.testing.assert_allclose(chances.sum(1), 1)


@settings(max_examples=11)
@given(seed=st.integers(0, 10**6), chunk=st.integers(11, 97))
def test_pieces_of_any_size_are_counted_once(seed, chunk):
    contigs = [random_letters(length, seed + length) for length in (1, 5, 211, 307)]
    whole = fitted(contigs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genolong.genome.kmer_counter.CHUNK_BP", chunk)
        pieces = fitted(contigs)
    for one, other in zip(whole, pieces, strict=True):
        for table, again in zip(one.counts, other.counts, strict=True):
            np.testing.assert_array_equal(table, again)


def test_a_letter_that_its_flanks_name_is_learned_and_the_longer_flank_chosen():
    # every third letter is the complement of the one before it
    rng = np.random.default_rng(7)
    free = rng.integers(0, 4, (20_000, 2)).astype(np.uint8)
    codes = np.column_stack([free, 3 - free[:, 1]]).reshape(-1)
    train, read = codes[:45_000], codes[45_000:]
    baselines = fit_baselines([train], len(train))
    there = np.arange(10, len(read) - 10)
    losses = [baseline.losses(read, there).mean() for baseline in baselines]
    best = int(np.argmin(losses))
    assert best >= 2
    assert losses[0] == pytest.approx(np.log(4), abs=0.002)
    assert losses[best] < losses[0] - 0.2


def test_letters_that_nothing_tells_are_left_to_composition():
    # interpolation keeps a counter of noise near log 4, where plain counts of 5 + 5 letters would lose far more
    codes = encode(random_letters(70_001, 3).encode())
    read = encode(random_letters(7_001, 4).encode())
    for baseline in fit_baselines([codes], len(codes)):
        assert baseline.losses(read, np.arange(len(read))).mean() == pytest.approx(np.log(4), abs=0.02)


@pytest.mark.parametrize(("bases", "largest"), [(0, 0), (1, 0), (60, 1), (10**6, 5), (10**8, 6), (10**12, 6)])
def test_the_largest_flank_follows_the_genome(bases, largest, monkeypatch):
    monkeypatch.setattr("genolong.genome.kmer_counter._all_orders", lambda table, flank: (table,) * (flank + 1))
    monkeypatch.setattr("genolong.genome.kmer_counter._choose_strengths", lambda counts, kmers: [1.0] * len(counts))
    assert fit_baselines([], bases)[-1].flank == largest


def test_names_are_for_people():
    assert [baseline.name for baseline in fitted(["ACGT"])] == [
        "base composition",
        "k-mer counter 1+1",
        "k-mer counter 2+2",
    ]
