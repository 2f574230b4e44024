"""What people type: sequences and variants as they are meant, and refusals that say what was wanted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.errors import InputError
from genolong.genome.alphabet import decode
from genolong.genome.typed import TypedVariant, codes_of, typed_variant


@given(st.text("ACGTNacgtn?", min_size=1))
def test_a_sequence_is_read_as_it_is_written(sequence: str):
    assert decode(codes_of(sequence)) == sequence.upper()


@pytest.mark.parametrize(
    ("sequence", "found"),
    [("ACGU", "'U' as its letter 4"), ("AÄ", "'Ä' as its letter 2"), ("A" * 1234 + "\n", r"'\n' as its letter 1,235")],
)
def test_other_letters_are_refused_with_their_place(sequence: str, found: str):
    with pytest.raises(InputError) as refusal:
        codes_of(sequence)
    assert str(refusal.value) == (
        f"the sequence has {found}; wanted A C G T N, or ? for a base that is hidden from the model"
    )


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
