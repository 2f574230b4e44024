"""Labelled variants: the reference is the genome's, labels mean what they say, places are used once."""

from collections import Counter

import numpy as np
import pysam
import pytest

from genolong.genome.alphabet import BASES, N
from genolong.genome.synthetic.chance import Chance
from genolong.genome.synthetic.variants import DISRUPTING, NEUTRAL, draw_variants, vcf_lines
from tests.builders.synthetic import synthetic

LENGTHS = {"one": 30_011, "two": 10_007}


@pytest.fixture(scope="module")
def drawn():
    truth, codes = synthetic(LENGTHS, 7)
    return truth, codes, draw_variants(truth, codes, 101, Chance(3))


def test_both_labels_are_there_in_equal_number_and_in_order(drawn):
    _, _, variants = drawn
    assert Counter(variant.label for variant in variants) == {DISRUPTING: 101, NEUTRAL: 101}
    places = [(list(LENGTHS).index(variant.contig), variant.position) for variant in variants]
    assert places == sorted(set(places))
    assert {variant.contig for variant in variants} == set(LENGTHS)


def test_labels_mean_what_they_say(drawn):
    truth, codes, variants = drawn
    rows = truth.grammar.columns()[0][:, 0]
    inside = 0
    for contig, position, reference, alternate, label, motif in variants:
        assert reference == BASES[codes[contig][position]] != alternate
        assert not truth.slots(contig)[position]
        assert motif == truth.motif_at(contig, position)
        chances = rows[truth.contigs[contig].columns(truth.grammar)[position]]
        odds = np.log(chances[BASES.index(alternate)] / chances[BASES.index(reference)])
        if label == DISRUPTING:
            assert motif is not None
            assert odds < -2
        else:
            assert abs(odds) < 0.7
            inside += motif is not None
    assert inside == 20


def test_a_small_genome_has_fewer():
    truth, codes = synthetic({"one": 211}, 7)
    variants = draw_variants(truth, codes, 10_000, Chance(3))
    assert 0 < len(variants) < 211
    assert len({variant.position for variant in variants}) == len(variants)


def test_slots_and_n_are_left_alone_however_many_are_drawn():
    truth, codes = synthetic({"one": 10_007}, 7)
    unknown = np.flatnonzero(truth.contigs["one"].columns(truth.grammar) > 0)[::3]
    codes["one"][unknown] = N
    found = {variant.position for variant in draw_variants(truth, codes, 10_007, Chance(3))}
    assert truth.slots("one").any() and unknown.size
    assert found.isdisjoint(np.flatnonzero(truth.slots("one")).tolist()) and found.isdisjoint(unknown.tolist())
    background = np.flatnonzero(truth.contigs["one"].columns(truth.grammar) == 0)
    assert found > set(background.tolist())


def test_the_vcf_is_read_by_others(drawn, tmp_path):
    _, _, variants = drawn
    path = tmp_path / "variants.vcf"
    path.write_text("".join(vcf_lines(variants, LENGTHS)))
    with pysam.VariantFile(str(path)) as file:
        assert {name: contig.length for name, contig in file.header.contigs.items()} == LENGTHS
        records = [(one.chrom, one.start, one.ref, one.alts, one.info["LABEL"], one.info.get("MOTIF")) for one in file]
    assert records == [
        (one.contig, one.position, one.reference, (one.alternate,), one.label, one.motif) for one in variants
    ]
