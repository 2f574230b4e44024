"""An allele's effect is what its definition says, whatever else is scored and however it is batched."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from genolong.errors import SettingsError
from genolong.genome.alleles import Status
from genolong.genome.edit import Variant, trimmed
from genolong.genome.tiles import GenomeTiles
from genolong.model.encoder import Encoder
from genolong.model.heads import MaskedBaseHead
from genolong.model.variant_head import VariantHead, VariantHeadSettings
from genolong.tasks.batches import BATCH_BP
from genolong.tasks.variant_effect import Effect, ScoringSettings, VariantScorer
from tests.builders.memory_genome import MemoryGenome, random_letters
from tests.builders.models import encoder_settings
from tests.oracles.variant_effect import PlainScorer, reversed_strand

CONTIGS = {
    "one": random_letters(59, 1) + "NNNNNNN" + random_letters(31, 2),
    "two": random_letters(43, 3),
}
MODES = ["exact", "shared", "unmasked"]


def scoring(**changes) -> ScoringSettings:
    values = {
        "mode": "exact", "window_bp": None, "spacing": 5, "flank": 3, "distance": True, "longest_allele": 9,
        "batch": None,
    }  # fmt: skip
    return ScoringSettings(**(values | changes))


@cache
def model() -> tuple[Encoder, nn.Module]:
    torch.manual_seed(11)
    encoder, head = Encoder(encoder_settings()).double().eval(), MaskedBaseHead(12).double()
    nn.init.normal_(head.logits.weight)  # so that its answers differ a lot
    return encoder, head


class Counted(Encoder):
    """The encoder, and the number of windows it has read, two strands each."""

    def __init__(self) -> None:
        super().__init__(encoder_settings())
        self.double().eval().load_state_dict(model()[0].state_dict())
        self.read = self.batches = 0

    def forward(self, codes: torch.Tensor, *others: Any) -> torch.Tensor:
        self._count(codes)
        return super().forward(codes, *others)

    def at(self, codes: torch.Tensor, columns: Sequence[int]) -> torch.Tensor:
        self._count(codes)
        return super().at(codes, columns)

    def _count(self, codes: torch.Tensor) -> None:
        self.read += len(codes)
        self.batches += 1


def scorer(window: int = 31, contigs: dict[str, str] = CONTIGS, encoder: Encoder | None = None, **changes):
    tiles = GenomeTiles(MemoryGenome(contigs), tile_bp=16)
    return VariantScorer(
        encoder or model()[0], model()[1], tiles, scoring(**changes), window, torch.device("cpu")
    )  # fmt: skip


def numbers(effects: list[Effect]) -> np.ndarray:
    return np.array([(effect.llr, effect.distance or 0.0) for effect in effects])


@st.composite
def variants(draw: st.DrawFn) -> Variant:
    """Of any kind: single bases, several, insertions, deletions, and both at once; also at the contigs' ends."""
    contig = draw(st.sampled_from(sorted(CONTIGS)))
    letters = CONTIGS[contig]
    start = draw(st.integers(0, len(letters) - 1))
    reference = letters[start : start + draw(st.sampled_from([1, 1, 1, 2, 5]))]
    if "N" in reference:
        start, reference = 3, letters[3]
    alternate = draw(st.text("ACGT", min_size=1, max_size=4).filter(lambda text: text != reference))
    return trimmed(contig, start, reference.encode(), alternate.encode())


def sets(most: int) -> st.SearchStrategy[list[Variant]]:
    return st.lists(variants(), min_size=1, max_size=most)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("window", [31, 22])
@settings(max_examples=12)
@given(sets(7), st.sampled_from([None, 1, 3]))
def test_scores_are_those_of_the_plain_oracle(mode: str, window: int, asked: list[Variant], batch: int | None):
    found = scorer(window, mode=mode, batch=batch).score(asked)
    plain = PlainScorer(*model(), CONTIGS, scoring(mode=mode), window)
    for variant, effect in zip(asked, found, strict=True):
        sites = [other.start for other in asked if other.is_snv and other.contig == variant.contig]
        expected = plain.score(variant, sites)
        np.testing.assert_allclose(numbers([effect])[0], expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("mode", MODES)
def test_what_a_deletion_draws_into_the_window_counts_as_much_if_it_is_n(mode: str):
    """A model without an opinion finds no allele likelier, whatever stands beside it."""
    head = MaskedBaseHead(12).double()
    for parameter in head.parameters():
        nn.init.zeros_(parameter)
    asked = [
        Variant("one", 52, CONTIGS["one"][52:59].encode(), b""),  # before N
        Variant("one", 66, b"", b"ACGTA"),  # behind it
        Variant("two", 38, CONTIGS["two"][38:43].encode(), b""),  # at the contig's end
        Variant("two", 20, CONTIGS["two"][20:23].encode(), b"T"),
    ]
    tiles = GenomeTiles(MemoryGenome(CONTIGS), tile_bp=16)
    found = VariantScorer(model()[0], head, tiles, scoring(mode=mode), 31, torch.device("cpu")).score(asked)
    np.testing.assert_allclose([effect.llr for effect in found], 0, atol=1e-12)


@pytest.mark.parametrize("mode", ["exact", "unmasked"])
@settings(max_examples=12)
@given(sets(7), st.randoms(use_true_random=False), st.sampled_from([1, 2, 5]))
def test_a_score_depends_on_nothing_else_that_is_scored(mode: str, asked: list[Variant], chance, batch: int):
    together = numbers(scorer(mode=mode).score(asked))
    alone = [scorer(mode=mode, batch=batch).score([variant])[0] for variant in asked]
    np.testing.assert_allclose(together, numbers(alone), rtol=0, atol=1e-12)
    order = list(range(len(asked)))
    chance.shuffle(order)
    shuffled = numbers(scorer(mode=mode, batch=batch).score([asked[at] for at in order]))
    np.testing.assert_allclose(shuffled, together[order], rtol=0, atol=1e-12)


@settings(max_examples=20)
@given(variants().filter(lambda variant: len(variant.reference) == len(variant.alternate)))
def test_the_other_strand_gives_the_same(variant: Variant):
    """Where the window is the mirrored one: what is inserted or deleted moves the right end, so not for these."""
    window = 31 if variant.span % 2 else 30
    length = len(CONTIGS[variant.contig])
    turned = {name: reversed_strand(letters) for name, letters in CONTIGS.items()}
    other = Variant(
        variant.contig, length - variant.start - variant.span,
        *(reversed_strand(allele.decode()).encode() for allele in (variant.reference, variant.alternate)),
    )  # fmt: skip
    one, twin = scorer(window).score([variant]), scorer(window, turned).score([other])
    np.testing.assert_allclose(numbers(twin), numbers(one), rtol=0, atol=1e-9)


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=12)
@given(sets(9), st.booleans(), st.sampled_from([1, 4]))
def test_windows_says_how_many_are_read(mode: str, asked: list[Variant], distance: bool, batch: int):
    encoder, told = Counted(), []
    one = scorer(mode=mode, distance=distance, batch=batch, encoder=encoder)
    one.score(asked, told.append)
    assert one.windows(asked) == sum(told) == encoder.read / 2
    assert max(told) <= batch


def test_alleles_of_one_site_share_their_readings():
    snvs = [
        Variant("one", 7, CONTIGS["one"][7].encode(), base.encode()) for base in "ACGT" if base != CONTIGS["one"][7]
    ]
    assert scorer(distance=False).windows(snvs) == 1
    assert scorer(distance=True).windows(snvs) == 1 + 1 + 3


@pytest.mark.parametrize(("mode", "asked", "given"), [
    ("exact", None, True), ("shared", None, False), ("unmasked", None, False), ("exact", False, False),
    ("shared", True, True),
])  # fmt: skip
def test_distances_are_given_where_they_are_asked_for(mode: str, asked: bool | None, given: bool):
    variant = Variant("two", 20, CONTIGS["two"][20:21].encode(), b"ACGT"["ACGT".index(CONTIGS["two"][20]) - 1 :][:1])
    one = scorer(mode=mode, distance=asked)
    (effect,) = one.score([variant])
    assert one.with_distance == (effect.distance is not None) == given


def test_nothing_to_score_reads_nothing():
    one = scorer(encoder=(encoder := Counted()))
    assert one.score([]) == [] and one.windows([]) == encoder.read == 0


def test_batches_are_as_long_as_memory_allows_and_hold_one_window_at_least():
    assert scorer(window=31).batch == BATCH_BP // 31
    assert scorer(window=BATCH_BP + 1).batch == 1
    assert scorer(window=31, batch=7).batch == 7


def test_windows_beyond_the_contig_and_of_many_n_are_told():
    contigs = {"long": "ACGT" * 10 + "N" * 3 + "ACGT" * 10, "short": "ACGTA"}
    where = {"ok": ("long", 14), "start": ("long", 2), "end": ("long", 80), "n": ("long", 38), "short": ("short", 1)}
    asked = [
        Variant(contig, at, contigs[contig][at].encode(), b"A" if contigs[contig][at] != "A" else b"C")
        for contig, at in where.values()
    ]
    found = [effect.status for effect in scorer(21, contigs, distance=False).score(asked)]
    assert found == [Status.OK, Status.EDGE, Status.EDGE, Status.N_RICH, Status.EDGE]
    edge = {"n_and_end": "ACGTACGT" + "N" * 3}
    (effect,) = scorer(21, edge, distance=False).score([Variant("n_and_end", 4, b"A", b"G")])
    assert effect.status is Status.N_RICH
    few = {"few": "ACGTACGTACGTACG" + "NN" + "ACGTACGTACGTACG"}
    (effect,) = scorer(21, few, distance=False).score([Variant("few", 12, b"A", b"G")])
    assert effect.status is Status.OK


@pytest.mark.parametrize(("change", "words"), [
    ({"mode": "fast"}, "mode=fast: wanted exact or shared or unmasked"),
    ({"spacing": 0}, "spacing=0: wanted 1 or more"),
    ({"flank": -1}, "flank=-1: wanted 0 or more"),
    ({"longest_allele": 0}, "longest_allele=0: wanted 1 or more"),
    ({"window_bp": 0}, "window_bp=0: wanted 1 or more"),
    ({"batch": 0}, "batch=0: wanted 1 or more"),
])  # fmt: skip
def test_settings_that_cannot_be_right_are_refused(change: dict, words: str):
    with pytest.raises(SettingsError) as refusal:
        scoring(**change)
    assert str(refusal.value) == words


def variant_head() -> VariantHead:
    torch.manual_seed(5)
    return VariantHead(VariantHeadSettings(around=[0, 2, 40], flank=3, hidden=4, dropout=0.3), 12).double()


@pytest.mark.parametrize("at", [(17, b"", b"TTGAC"), (30, b"GATTA", b""), (20, b"A", b"C"), (0, b"A", b"G")])
def test_what_a_head_sees_is_what_its_definition_says(at):
    start, deleted, alternate = at
    reference = CONTIGS["one"][start : start + len(deleted)].encode()
    variant = trimmed("one", start, reference, alternate)
    found = scorer().features([variant], [0, 2, 40])[0]
    plain = PlainScorer(*model(), CONTIGS, scoring(), 31).features(variant, [0, 2, 40])
    assert np.allclose(found, plain, atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_a_head_adds_probabilities_that_depend_on_nothing_else_and_changes_no_other_score(mode):
    variants = [
        Variant("one", at, CONTIGS["one"][at].encode(), alternate.encode())
        for at in (3, 4, 29, 58)
        for alternate in "ACGT"
        if alternate != CONTIGS["one"][at]
    ]
    plain = scorer(mode=mode, distance=False)
    with_head = scorer(mode=mode, distance=False)
    with_head.variant_head = variant_head().eval()
    effects = with_head.score(variants)
    assert [effect._replace(chance=None) for effect in effects] == plain.score(variants)
    alone = [with_head.score([variant])[0].chance or 0.0 for variant in variants]
    chances = [effect.chance or 0.0 for effect in effects]
    assert np.allclose(chances, alone, atol=1e-7)
    assert len({round(chance, 6) for chance in chances}) > 1
    wanted = variant_head().eval().chances(with_head.features(variants, [0, 2, 40]).double())
    assert np.allclose(chances, wanted.detach(), atol=1e-7)
    assert with_head.windows(variants) > plain.windows(variants), "two more windows are read"
