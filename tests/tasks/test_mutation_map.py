"""A mutation map is what the definition of scores says of every substitution, and no window is read twice for it."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genolong.genome.alleles import Status
from genolong.genome.coordinates import Interval
from genolong.genome.edit import Variant
from genolong.genome.tiles import GenomeTiles
from genolong.model.encoder import Encoder
from genolong.tasks.mutation_map import MappedBases, MutationMapper
from genolong.tasks.variant_effect import VariantScorer
from tests.builders.memory_genome import MemoryGenome
from tests.oracles.variant_effect import PlainScorer
from tests.tasks.test_variant_effect import CONTIGS, MODES, Counted, model, scoring, variant_head

WINDOW = 31


def mapper(window: int = WINDOW, encoder: Encoder | None = None, head: bool = False, **changes):
    tiles = GenomeTiles(MemoryGenome(CONTIGS), tile_bp=16)
    asked = scoring(**({"distance": False, "longest_allele": 1} | changes))
    scorer = VariantScorer(encoder or model()[0], model()[1], tiles, asked, window, torch.device("cpu"))
    if head:
        scorer.variant_head = variant_head().eval()
    return MutationMapper(scorer)


def substitutions(mapped: MappedBases) -> list[tuple[int, int, Variant]]:
    """Where each stands in the arrays: its base, and the alternate's column."""
    contig, start = mapped.interval.contig, mapped.interval.start
    letters = CONTIGS[contig]
    return [
        (at, column, Variant(contig, start + at, letters[start + at].encode(), base.encode()))
        for at in range(mapped.interval.length)
        for column, base in enumerate("ACGT")
        if letters[start + at] not in ("N", base)
    ]


@st.composite
def intervals(draw: st.DrawFn, longest: int = 13) -> Interval:
    contig = draw(st.sampled_from(sorted(CONTIGS)))
    length = draw(st.integers(1, longest))
    start = draw(st.integers(0, len(CONTIGS[contig]) - length))
    return Interval(contig, start, start + length)


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=3)
@given(intervals(11), st.sampled_from([31, 22]), st.sampled_from([None, 3]))
def test_every_substitution_has_the_llr_of_the_plain_oracle(mode: str, asked: Interval, window: int, batch: int | None):
    mapped = mapper(window, mode=mode, batch=batch).read(asked)
    plain = PlainScorer(*model(), CONTIGS, scoring(mode=mode), window)
    letters = CONTIGS[asked.contig]
    sites = [at for at in range(asked.start, asked.end) if letters[at] != "N"]
    llr = mapped.llr
    for at, column, variant in substitutions(mapped):
        assert llr[at, column] == pytest.approx(plain.site(variant, sites), abs=1e-9)
    own = [(at, "ACGT".index(letters[asked.start + at])) for at in range(asked.length) if asked.start + at in sites]
    assert all(llr[place] == 0 for place in own)


@settings(max_examples=10)
@given(intervals())
def test_importance_and_uncertainty_follow_from_the_llrs(asked: Interval):
    mapped = mapper().read(asked)
    for at, (llr, importance, uncertainty) in enumerate(
        zip(mapped.llr, mapped.importance, mapped.uncertainty, strict=True)
    ):
        if CONTIGS[asked.contig][asked.start + at] == "N":
            assert np.isnan([*llr, importance, uncertainty]).all() and mapped.statuses[at] is Status.NO_ALT
            continue
        others = [
            value for base, value in zip("ACGT", llr, strict=True) if base != CONTIGS[asked.contig][asked.start + at]
        ]
        assert importance == pytest.approx(-sum(others) / 3)
        chances = [math.exp(value) / sum(math.exp(other) for other in llr) for value in llr]
        assert uncertainty == pytest.approx(-sum(chance * math.log2(chance) for chance in chances))
        np.testing.assert_allclose(np.exp(mapped.log_chances[at]), chances, rtol=1e-9)


@pytest.mark.parametrize("mode", MODES)
def test_statuses_distances_and_probabilities_are_those_of_the_scorer(mode: str):
    asked = Interval("one", 52, 69)
    one = mapper(mode=mode, distance=True, head=True)
    mapped = one.read(asked)
    assert mapped.distances is not None and mapped.probabilities is not None
    places = substitutions(mapped)
    effects = one.scorer.score([variant for _, _, variant in places])
    for (at, column, _), effect in zip(places, effects, strict=True):
        assert mapped.statuses[at] == effect.status
        assert mapped.llr[at, column] == pytest.approx(effect.llr, abs=1e-9)
        assert mapped.distances[at, column] == pytest.approx(effect.distance, abs=1e-9)
        assert mapped.probabilities[at, column] == pytest.approx(effect.chance, abs=1e-7)
    known = np.zeros((asked.length, 4), bool)
    known[tuple(zip(*((at, column) for at, column, _ in places), strict=True))] = True
    assert (np.isnan(mapped.distances) == ~known).all() and (np.isnan(mapped.probabilities) == ~known).all()
    bare = mapper(mode=mode).read(asked)
    assert bare.distances is None and bare.probabilities is None


LISTS = st.lists(intervals(43), max_size=4)


@pytest.mark.parametrize("mode", MODES)
@given(LISTS, st.sampled_from([31, 22, 1]), st.sampled_from([1, 3]))
def test_blocks_are_the_intervals_in_order(mode: str, asked: list[Interval], window: int, batch: int):
    blocks = list(mapper(window, mode=mode, batch=batch).blocks(asked))
    bases = [(block.contig, at) for block in blocks for at in range(block.start, block.end)]
    assert bases == [(interval.contig, at) for interval in asked for at in range(interval.start, interval.end)]


@pytest.mark.parametrize(
    ("mode", "batch", "lengths"),
    [
        ("exact", 2, [64, 64, 22]), ("exact", 70, [70, 70, 10]), ("shared", 3, [8, *[15] * 9, 7]),
        ("unmasked", 1, [8, *[15] * 9, 7]), ("unmasked", 3, [38, 45, 45, 22]),
    ],
)  # fmt: skip
def test_blocks_end_between_windows_or_hold_a_batch_of_them(mode: str, batch: int, lengths: list[int]):
    found = mapper(31, mode=mode, batch=batch).blocks([Interval("one", 7, 157)])  # half a window is 15 bases
    assert [block.length for block in found] == lengths


def test_a_map_says_what_it_is_of_and_what_it_holds():
    contig, letters = next((name, letters) for name, letters in CONTIGS.items() if "N" in letters)
    start = max(0, letters.index("N") - 2)
    asked = Interval(contig, start, start + 5)
    mapped = mapper(head=True, distance=True).read(asked)
    assert mapped.known.tolist() == [letter != "N" for letter in letters[start : start + 5]]
    told = f"MappedBases({asked}: 5 bases, {5 - letters[start : start + 5].count('N')} of them known; "
    assert repr(mapped) == f"{told}llr, importance, uncertainty, distances, probabilities)"
    assert repr(mapper().read(asked)) == f"{told}llr, importance, uncertainty)"


@pytest.mark.parametrize("mode", ["shared", "unmasked"])
@settings(max_examples=4)
@given(intervals(31), st.sampled_from([31, 22]), st.sampled_from([1, 2]))
def test_blocks_read_no_window_more_often_than_the_whole_does(mode: str, asked: Interval, window: int, batch: int):
    """And in mode=shared the same bases are hidden together."""
    whole, parts = Counted(), Counted()
    together = mapper(window, whole, mode=mode, batch=batch).read(asked)
    one = mapper(window, parts, mode=mode, batch=batch)
    cut = [one.read(block) for block in one.blocks([asked])]
    assert parts.read == whole.read
    found = np.concatenate([part.log_chances for part in cut])
    np.testing.assert_allclose(found, together.log_chances, rtol=0, atol=1e-12)


def test_a_base_costs_one_reading_and_without_masks_a_window_does():
    asked = Interval("one", 10, 50)
    for mode, readings in (
        ("exact", 40),
        ("unmasked", 4),
        ("shared", 4 * 5),
    ):  # half a window is 15 bases, spacing is 5
        encoder = Counted()
        mapper(encoder=encoder, mode=mode).read(asked)
        assert encoder.read == 2 * readings, mode
