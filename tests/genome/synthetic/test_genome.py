"""A drawn genome does what its rules say: letters, partners, domains, gaps, on both strands and to the last base."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genolong.genome.alphabet import N
from genolong.genome.synthetic.chance import Chance
from genolong.genome.synthetic.files import ASSEMBLY, GRAMMAR
from genolong.genome.synthetic.genome import AssemblySettings, draw_genome
from genolong.genome.synthetic.grammar import MINUS, draw_grammar
from tests.builders.synthetic import TINY, synthetic

LENGTH = 300_007


@pytest.fixture(scope="module")
def drawn():
    chance = Chance(5)
    grammar = draw_grammar(GRAMMAR, chance)
    return grammar, next(draw_genome(grammar, ASSEMBLY, {"one": LENGTH}, chance))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), length=st.integers(1, 211), every=st.integers(10, 97))
def test_any_length_is_filled_and_motifs_neither_touch_nor_cross_anything(seed, length, every):
    assembly = AssemblySettings(
        unknown_every_bp=every, unknown_longest_bp=3, soft_masked_every_bp=every, soft_masked_longest_bp=5
    )
    truth, codes = synthetic({"one": length, "two": 13}, seed, assembly, **TINY)
    assert {name: len(letters) for name, letters in codes.items()} == {"one": length, "two": 13}
    one = truth.contigs["one"]
    sizes = np.array([len(motif.letters) for motif in truth.grammar.motifs])[one.motifs]
    assert (one.starts[1:] >= (one.starts + sizes)[:-1]).all()
    assert (one.starts + sizes <= length).all()
    assert codes["one"].max() <= N
    assert (codes["one"][truth.planted("one")] < N).all()
    assert truth.planted("one").sum() == sizes.sum()


def test_letters_follow_the_distribution_of_their_column(drawn):
    grammar, contig = drawn
    rows, _ = grammar.columns()
    columns, types = contig.truth.columns(grammar), contig.truth.types()
    for column in np.unique(columns[columns > 0]):
        for kind in range(grammar.types) if grammar.is_slot()[column] else [slice(None)]:
            here = (columns == column) & (np.arange(grammar.types)[kind] == types if isinstance(kind, int) else True)
            if here.sum() < 50:
                continue
            found = np.bincount(contig.codes[here], minlength=4) / here.sum()
            wanted = rows[column, kind if isinstance(kind, int) else 0]
            np.testing.assert_allclose(found, wanted, atol=4.5 * np.sqrt(0.25 / here.sum()))


def test_background_follows_the_two_letters_before_it(drawn):
    grammar, contig = drawn
    background = (contig.truth.columns(grammar) == 0) & (contig.codes < N)
    at = np.flatnonzero(background[2:] & (contig.codes[1:-1] < N) & (contig.codes[:-2] < N)) + 2
    kmers = 16 * contig.codes[at - 2].astype(int) + 4 * contig.codes[at - 1] + contig.codes[at]
    counts = np.bincount(kmers, minlength=64).reshape(4, 4, 4)
    seen = counts.sum(2, keepdims=True)
    assert (np.abs(counts / seen - grammar.background[:4, :4]) < 5 * np.sqrt(0.25 / seen)).all()


def test_partners_stand_at_their_distance_and_mirrored_on_the_minus_strand(drawn):
    grammar, contig = drawn
    truth = contig.truth
    instances = {
        (start, motif, strand) for start, motif, strand in zip(truth.starts, truth.motifs, truth.strands, strict=True)
    }
    sizes = [len(motif.letters) for motif in grammar.motifs]
    for strand in (0, 1):
        leaders = follows = 0
        for start, index, _ in (instance for instance in instances if instance[2] == strand):
            motif = grammar.motifs[index]
            if motif.partner is None:
                continue
            ahead = start + sizes[index] + motif.distance_bp
            behind = start - motif.distance_bp - sizes[motif.partner]
            leaders += 1
            follows += (behind if strand == MINUS else ahead, motif.partner, strand) in instances
        # a partner does not lead in its turn: of 1 + follow instances that could, one is a unit's first
        assert follows / leaders == pytest.approx(grammar.follow / (1 + grammar.follow), abs=0.03)


def test_motifs_are_equally_frequent_on_both_strands_and_voters_rare(drawn):
    grammar, contig = drawn
    counts = np.zeros((len(grammar.motifs), 2))
    np.add.at(counts, (contig.truth.motifs, contig.truth.strands), 1)
    paired = np.array([motif.partner is not None for motif in grammar.motifs])
    for group in (counts[paired], counts[~paired]):
        assert (np.abs(group - group.mean()) < 6 * np.sqrt(group.mean())).all()
    units = counts[paired].sum() / (1 + grammar.follow) + counts[~paired].sum()
    assert counts[~paired].sum() / units == pytest.approx(grammar.voting_share, abs=0.01)


def test_domains_switch_without_memory_and_to_every_other_type():
    truth, _ = synthetic({"one": LENGTH}, 3, domain_bp=331)
    one = truth.contigs["one"]
    lengths = np.diff(one.domain_starts, append=LENGTH)
    assert lengths.mean() == pytest.approx(331, rel=0.1)
    assert lengths.std() == pytest.approx(331, rel=0.15)  # geometric: as wide as it is long
    assert (np.diff(one.domain_types) != 0).all()
    steps = np.bincount(np.diff(one.domain_types) % 4, minlength=4) / (len(lengths) - 1)
    np.testing.assert_allclose(steps, [0, 1 / 3, 1 / 3, 1 / 3], atol=0.07)


def test_an_assembly_has_a_few_gaps_and_a_few_lower_case_stretches():
    settings = AssemblySettings(
        unknown_every_bp=5_000, unknown_longest_bp=100, soft_masked_every_bp=3_000, soft_masked_longest_bp=200
    )
    chance = Chance(2)
    contig = next(draw_genome(draw_grammar(GRAMMAR, chance), settings, {"one": LENGTH}, chance))
    unknown = contig.codes == N
    runs = np.flatnonzero(np.diff(unknown, prepend=False, append=False)).reshape(-1, 2)
    assert len(runs) == pytest.approx(LENGTH / 5_000, rel=0.35)
    assert np.diff(runs).max() <= 100
    assert contig.soft_masked.mean() == pytest.approx(100 / 3_000, rel=0.35)


def test_the_same_seed_draws_the_same_genome():
    one, other, another = (synthetic({"one": 5_003}, seed)[1]["one"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, other)
    assert (one != another).any()
