"""No allele that trains shares a window with one that validates, and all are accounted for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.errors import InputError
from genolong.genome.alleles import ContigNames
from genolong.genome.edit import Variant, place
from genolong.loading.variant_split import split_variants

NAMES = ContigNames({"chr1": 10**6, "chr2": 10**6, "chr3": 10**6}, {})


def alleles():
    return st.lists(
        st.builds(
            Variant,
            st.sampled_from(["chr1", "chr2", "chr3"]),
            st.integers(0, 3000),
            st.sampled_from([b"A", b"", b"GATTACA"]),
            st.sampled_from([b"C", b"TT"]),
        ),
        min_size=1,
        max_size=60,
    )


@given(alleles(), st.floats(0.05, 0.95), st.integers(1, 700), st.booleans())
def test_windows_of_the_two_sides_never_overlap(variants, share, window, by_contig):
    contigs = [variants[0].contig.removeprefix("chr")] if by_contig else []
    split = split_variants(variants, NAMES, contigs, share, window)
    assert not (split.train & split.validation).any()
    assert split.dropped == len(variants) - split.train.sum() - split.validation.sum()
    if by_contig:
        assert split.dropped == 0
    trained = [place(variant, window) for variant, is_so in zip(variants, split.train, strict=True) if is_so]
    for variant, is_so in zip(variants, split.validation, strict=True):
        held = place(variant, window)
        for other in trained if is_so else ():
            assert other.contig != held.contig or other.end <= held.start or other.start >= held.end


@given(alleles(), st.floats(0.05, 0.95))
def test_what_is_dropped_is_near_a_held_out_allele(variants, share):
    split = split_variants(variants, NAMES, [], share, 100)
    held = [variant for variant, is_so in zip(variants, split.validation, strict=True) if is_so]
    longest = max(variant.span for variant in variants)
    for variant, kept in zip(variants, split.train | split.validation, strict=True):
        near = [each for each in held if each.contig == variant.contig]
        assert kept or min(abs(each.start - variant.start) for each in near) <= 100 + longest


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_blocks_hold_the_share_that_is_asked_for_evenly(share):
    variants = [Variant("chr1", at * 5000, b"A", b"C") for at in range(1000)]
    held = split_variants(variants, NAMES, [], share, 10).validation
    assert held.mean() == pytest.approx(share, abs=0.03)
    halves = held[:500].mean(), held[500:].mean()
    assert np.ptp(halves) < 0.15


def test_alleles_of_one_site_stay_together():
    variants = [Variant("chr1", at // 3, b"A", b"C") for at in range(300)]
    held = split_variants(variants, NAMES, [], 0.3, 1).validation.reshape(100, 3)
    assert (held.all(1) | ~held.any(1)).all()


def test_a_contig_without_labelled_alleles_cannot_be_held_out():
    with pytest.raises(InputError, match=r"data\.validation: no labelled allele is on chr9; they are on chr1"):
        split_variants([Variant("chr1", 5, b"A", b"C")], NAMES, ["chr9"], 0.5, 10)
