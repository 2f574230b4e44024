"""Alleles written into windows give what the edited contig has there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.genome.alphabet import decode, encode
from genolong.genome.coordinates import Interval
from genolong.genome.edit import Variant, place, trimmed, written
from tests.oracles.variant_effect import cut, edited

BASES = st.text("ACGT", max_size=6)


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, Variant]:
    """A contig and a change of it, of any kind and at its ends too; alleles as in a VCF, not trimmed."""
    contig = draw(st.text("AC", min_size=1, max_size=40))
    start = draw(st.integers(0, len(contig)))
    end = draw(st.integers(start, min(len(contig), start + 6)))
    return contig, Variant("one", start, contig[start:end].encode(), draw(BASES).encode())


@given(changes())
def test_trimming_changes_nothing_and_leaves_nothing_shared(drawn: tuple[str, Variant]):
    contig, whole = drawn
    small = trimmed(*whole)
    assert edited(contig, small) == edited(contig, whole)
    assert contig[small.start :].encode().startswith(small.reference)
    assert small.start >= whole.start
    if small.reference and small.alternate:
        assert small.reference[0] != small.alternate[0] and small.reference[-1] != small.alternate[-1]
    assert trimmed(*small) == small


@pytest.mark.parametrize(("whole", "small"), [
    ((4, b"A", b"C"), (4, b"A", b"C")),
    ((4, b"GAT", b"GCT"), (5, b"A", b"C")),
    ((4, b"GA", b"G"), (5, b"A", b"")),
    ((4, b"G", b"GA"), (5, b"", b"A")),
    ((4, b"AAA", b"AA"), (4, b"A", b"")),  # ends first: to the left, as VCF has it
    ((4, b"acg", b"aTg"), (5, b"C", b"T")),
    ((4, b"AC", b"GT"), (4, b"AC", b"GT")),
    ((4, b"AC", b"ac"), (4, b"", b"")),
])  # fmt: skip
def test_trimmed_by_hand(whole: tuple, small: tuple):
    assert trimmed("one", *whole) == Variant("one", *small)


@pytest.mark.parametrize(("variant", "is_snv", "span"), [
    (Variant("one", 3, b"A", b"C"), True, 1), (Variant("one", 3, b"AC", b"GT"), False, 2),
    (Variant("one", 3, b"", b"C"), False, 1), (Variant("one", 3, b"ACG", b"C"), False, 3),
])  # fmt: skip
def test_what_a_variant_is(variant: Variant, is_snv: bool, span: int):
    assert (variant.is_snv, variant.span) == (is_snv, span)


@given(changes(), st.integers(13, 31))
def test_written_is_the_edited_contig(drawn: tuple[str, Variant], length: int):
    contig, whole = drawn
    variant = trimmed(*whole)
    window = place(variant, length)
    first = variant.start - window.start
    reference = encode(cut(contig, window.start, length + len(variant.reference)).encode())
    before = reference.copy()
    found = written(variant, first, reference, length)
    assert decode(found) == cut(edited(contig, variant), window.start, length)
    assert len(found) == length and found.dtype == np.uint8
    np.testing.assert_array_equal(reference, before)
    np.testing.assert_array_equal(found[:first], reference[:first])  # left of the variant nothing moves


@given(changes(), st.integers(7, 31))
def test_the_longer_allele_stands_in_the_middle(drawn: tuple[str, Variant], length: int):
    variant = drawn[1]
    window = place(variant, length)
    left, right = variant.start - window.start, window.end - variant.start - variant.span
    assert window.length == length and right - left in (0, 1)
    assert place(variant._replace(reference=variant.alternate, alternate=variant.reference), length) == window


def test_an_allele_at_the_end_is_filled_up_with_n():
    deletion = Variant("one", 2, b"GT", b"")
    assert place(deletion, 8) == Interval("one", -1, 7)
    assert decode(written(deletion, 3, encode(b"NACGTNNNNN"), 8)) == "NACNNNNN"
