"""What people type: sequences, variants and regions as they are meant, and refusals that say what was wanted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.errors import InputError, SettingsError
from genolong.genome.alphabet import decode
from genolong.genome.coordinates import Interval
from genolong.genome.typed import TypedVariant, codes_of, typed_region, typed_variant


@given(st.text("ACGTNacgtn?", min_size=1))
def test_a_sequence_is_read_as_it_is_written(sequence: str):
    assert decode(codes_of(sequence)) == sequence.upper()


@pytest.mark.parametrize(
    ("sequence", "found"),
    [
        ("ACGU", "letter 4 of the sequence is 'U'"),
        ("AÄ", "letter 2 of the sequence is 'Ä'"),
        ("A" * 1234 + "\n", r"letter 1,235 of the sequence is '\n'"),
    ],
)
def test_other_letters_are_refused_with_their_place(sequence: str, found: str):
    with pytest.raises(InputError) as refusal:
        codes_of(sequence)
    assert str(refusal.value) == (f"{found}; wanted A C G T N, or ? for a base that is hidden from the model")


def test_an_empty_sequence_is_refused():
    with pytest.raises(InputError, match="the sequence is empty; wanted letters A C G T N"):
        codes_of("")


@pytest.mark.parametrize(
    ("text", "variant"),
    [
        ("chr17:43045712 T>G", ("chr17", 43045711, b"T", b"G")),
        ("17:43,045,712 T > <DEL>", ("17", 43045711, b"T", b"<DEL>")),
        (" HLA-A*01:01:7:acg>a\n", ("HLA-A*01:01", 6, b"acg", b"a")),
        ("c:1\tN>G]c:9]", ("c", 0, b"N", b"G]c:9]")),
    ],
)
def test_a_variant_is_read_with_its_position_counted_from_0(text: str, variant: tuple):
    assert typed_variant(text) == TypedVariant(*variant)


@pytest.mark.parametrize(
    "text", ["", "chr1", "chr1:7", "chr1:0 A>C", "chr1:x A>C", "chr1:7 A>", "chr1:7 A>C,G", "c:-1 A>C"]
)
def test_what_is_no_variant_is_refused(text: str):
    with pytest.raises(InputError) as refusal:
        typed_variant(text)
    assert str(refusal.value) == (
        f"{text!r}: wanted a variant as CONTIG:POSITION REF>ALT with one ALT, like chr17:43045712 T>G; positions count "
        "from 1, as in a VCF"
    )


LENGTHS = {"chr17": 83_257_441, "HLA-A*01:01": 3_503, "chrM": 16_569, "2": 1_000}


@given(st.sampled_from(sorted(LENGTHS)), st.integers(0, 999), st.integers(1, 999), st.booleans())
def test_a_region_is_read_as_intervals_are_shown(contig: str, start: int, length: int, commas: bool):
    region = Interval(contig, start, start + length)
    text = f"{contig}:{start + 1:,}-{start + length:,}" if commas else str(region)
    assert typed_region(text, LENGTHS) == region


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("chr17:43,044,295-43,045,800", Interval("chr17", 43_044_294, 43_045_800)),
        (" 17:7-7\n", Interval("chr17", 6, 7)),
        ("chr2:7–9", Interval("2", 6, 9)),
        ("HLA-A*01:01", Interval("HLA-A*01:01", 0, 3_503)),
        ("HLA-A*01:01:1-3503", Interval("HLA-A*01:01", 0, 3_503)),
        ("MT", Interval("chrM", 0, 16_569)),
        ("2:1000-1001", Interval("2", 999, 1_001)),
    ],
)
def test_a_region_is_what_samtools_and_igv_have(text: str, region: Interval):
    assert typed_region(text, LENGTHS) == region


SYNTAX = (
    "wanted CONTIG:FIRST-LAST, like chr17:43,044,295-43,045,800; both count from 1, and LAST is included "
    "(one base: chr17:43,044,295-43,044,295; a whole contig: chr17)"
)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("chr17:7", SYNTAX),
        ("chr17:7-", SYNTAX),
        ("chr17:-7-9", SYNTAX),
        ("chr17:a-b", SYNTAX),
        ("chr17:1..9", SYNTAX),
        ("chr1:7-9", "the genome has no contig chr1; did you mean chr17 or chrM?"),
        ("chr1", "the genome has no contig chr1; did you mean chr17 or chrM?"),
        ("unheard:7-9", "the genome has no contig unheard; it begins with chr17, HLA-A*01:01, chrM"),
        ("2:0-9", "starts at 0; wanted 1 or more, because positions count from 1"),
        ("2:9-7", "ends at 7, before its start at 9; wanted the start first"),
        ("2:1,001-1,001", "lies beyond 2, which has 1,000 bases; is it from another build of the genome?"),
    ],
)
def test_what_is_no_region_is_refused(text: str, line: str):
    with pytest.raises(SettingsError) as refusal:
        typed_region(text, LENGTHS)
    assert str(refusal.value) == f"region={text}: {line}"
