"""Counters see what is to be trained on, and are asked for the hidden bases of the windows, flanks and all."""

import numpy as np
import pytest

from genolong.genome.alleles import ContigNames
from genolong.genome.coordinates import Interval
from genolong.genome.kmer_counter import fit_baselines
from genolong.genome.tiles import GenomeTiles
from genolong.loading import baselines
from genolong.loading.baselines import best_on, fit_on, score_baseline, score_substitutions
from genolong.loading.labelled_alleles import Substitutions, Words
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


@pytest.mark.parametrize(("most", "read"), [(1 << 22, [0, 1, 2, 3, 4]), (500, [0, 3]), (1, [0])])
def test_the_best_counter_loses_least_on_the_known_bases_of_held_out_windows(monkeypatch, most: int, read: list[int]):
    """Of counters that were each fitted on one window, the best on all that are read is chosen."""
    monkeypatch.setattr(baselines, "MOST_HELD_OUT", most)
    asked = [Interval("one", at, at + 211) for at in range(2_003, 2_700, 211)] + [Interval("two", 798, 1_009)]
    counters = [fit_on(GENOME, [each], advance=lambda _: None)[0][1] for each in asked]
    lost = []
    for counter in counters:
        nats = []
        for number in read:
            codes, window = GENOME.codes[asked[number].contig], asked[number]
            known = [at for at in range(window.start, window.end) if codes[at] < 4]
            nats += [counter.losses(codes, np.array([at]))[0] for at in known]
        lost.append(np.mean(nats))
    assert best_on(counters, GENOME, asked) is counters[int(np.argmin(lost))]
    assert min(lost) < sorted(lost)[1]


def test_a_substitution_is_scored_by_what_stands_around_it_on_the_contig():
    (*_, counter), _ = fit_on(GENOME, TRAIN, advance=lambda _: None)
    places = [("chrone", 0), ("two", 1_008), ("chrone", 700), ("two", 431), ("chrone", 1_900), ("one?", 7)]
    letters = [GENOME.codes["two" if name == "two" else "one"][at] for name, at in places]
    others = [(letter + 1) % 4 for letter in letters]
    letters[2], others[3] = (letters[2] + 2) % 4, 4  # not what the genome has; no substitution
    texts = ("two", "one?", "chrone")
    contig = Words(texts, np.array([texts.index(name) for name, _ in places]))
    sites = Substitutions(
        contig, np.array([at for _, at in places]), np.array(letters, np.uint8), np.array(others, np.uint8)
    )
    sites.reference[3] = 4
    names = ContigNames({name: len(codes) for name, codes in GENOME.codes.items()}, {})
    found = score_substitutions(counter, GenomeTiles(GENOME, tile_bp=101, kept=2), names, sites)
    assert np.isnan(found).tolist() == [False, False, True, True, False, True]
    for row in (0, 1, 4):
        codes = GENOME.codes[places[row][0].removeprefix("chr")]
        (chances,) = counter.probabilities(codes, np.array([places[row][1]]))
        assert found[row] == np.log(chances[letters[row]]) - np.log(chances[others[row]])
