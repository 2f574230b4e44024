"""Bases as integers: every byte is a letter of DNA or refused, and strands turn as Biopython turns them."""

import numpy as np
import pytest
from Bio.Seq import Seq
from hypothesis import given
from hypothesis import strategies as st

from genolong.genome.alphabet import AMBIGUOUS, MASK, N, decode, encode, reverse_complement


@given(st.text("ACGTN"))
def test_letters_come_back(letters: str):
    assert decode(encode(letters.encode())) == letters


@given(st.text("ACGTN"))
def test_case_makes_no_difference(letters: str):
    np.testing.assert_array_equal(encode(letters.lower().encode()), encode(letters.encode()))


def test_every_byte_is_known_or_refused():
    for byte in range(256):
        letter = chr(byte).upper()
        if letter in "ACGT":
            assert encode(bytes([byte]))[0] == "ACGT".index(letter)
        elif letter == "N" or letter in AMBIGUOUS:
            assert encode(bytes([byte]))[0] == N
        else:
            with pytest.raises(ValueError, match="at position 3 is not a letter of DNA"):
                encode(b"ACG" + bytes([byte]))


@given(st.text("ACGTN"))
def test_reverse_complement_is_biopythons(letters: str):
    turned = reverse_complement(encode(letters.encode()))
    assert decode(turned) == str(Seq(letters).reverse_complement())


def test_mask_is_written_as_a_question_mark_and_stays_itself_on_the_other_strand():
    codes = np.array([0, MASK, 1], dtype=np.uint8)
    assert decode(codes) == "A?C"
    assert decode(reverse_complement(codes)) == "G?T"


def test_codes_above_mask_are_refused():
    with pytest.raises(ValueError, match="6 is not the code of a base"):
        decode(np.array([0, 6], dtype=np.uint8))


def test_codes_may_be_written_into():
    codes = encode(b"ACGT")
    codes[0] = MASK
    assert decode(codes) == "?CGT"
