"""The one checked pass counts what a letter-by-letter reader counts."""

from collections import Counter
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.errors import InputError
from genolong.genome.fasta_index import FastaIndex, build_index
from tests.builders.genomes import contigs, fasta_text

PATH = Path("g.fa")


def index_of(text: bytes, size: int = 1 << 20) -> FastaIndex:
    return build_index([text[at : at + size] for at in range(0, len(text), size)], PATH)


def unknown_runs(letters: str) -> list[tuple[int, int]]:
    runs, at = [], 0
    for known, group in groupby(letters, key=lambda letter: letter in "ACGTacgt"):
        length = len(list(group))
        runs += [] if known else [(at, at + length)]
        at += length
    return runs


@given(contigs(), st.integers(1, 40), st.integers(3, 61))
def test_what_a_pass_finds(expected: dict[str, str], width: int, size: int):
    index = index_of(fasta_text(expected, width), size)
    everything = "".join(expected.values())
    assert dict(zip(index.names, index.lengths.tolist(), strict=True)) == {k: len(v) for k, v in expected.items()}
    assert index.ambiguous == Counter(letter.upper() for letter in everything if letter.upper() not in "ACGTN")
    assert index.has_upper == any(letter in "ACGT" for letter in everything)
    assert index.has_lower == any(letter in "acgt" for letter in everything)
    assert index.irregular == index.empty == ()
    for number, letters in enumerate(expected.values()):
        runs = slice(index.first_run[number], index.first_run[number + 1])
        found = list(zip(index.run_starts[runs].tolist(), index.run_ends[runs].tolist(), strict=True))
        assert found == unknown_runs(letters)


@given(contigs(alphabet="ACgtNR"), st.data())
def test_known_is_a_count(expected: dict[str, str], data: st.DataObject):
    index = index_of(fasta_text(expected))
    number = data.draw(st.integers(0, len(expected) - 1))
    letters = list(expected.values())[number]
    start = data.draw(st.integers(-7, len(letters) + 3))
    end = data.draw(st.integers(start + 1, len(letters) + 11))
    assert index.known(number, start, end) == sum(letter in "ACgt" for letter in letters[max(start, 0) : max(end, 0)])
    assert index.known_lengths.tolist() == [sum(letter in "ACgt" for letter in each) for each in expected.values()]


def test_places_are_those_of_a_fai():
    index = index_of(b">a x\nACGTA\nACG\n>bc\r\nAC\r\nA\r\n\r\n>d\nACG")
    np.testing.assert_array_equal(index.places, [[5, 5, 6], [20, 2, 4], [32, 3, 4]])


@pytest.mark.parametrize(
    ("text", "irregular"),
    [
        (b">a\nAC\r\nAC\n>b\nA", ("a",)),  # pyfaidx would read the '>' of b as a base of a
        (b">a\nAC\r\nAC\n>b\n", ("a",)),
        (b">a\nAC\r\nAC\r\n>b\nA", ()),
        (b">a\nAC\r\nA\n>b\nA", ()),
        (b">a\nAC\r\nAC\n", ()),
        (b">a\nAC\r\nAC", ()),
    ],
)
def test_a_last_line_with_a_shorter_end(text, irregular):
    assert index_of(text).irregular == irregular


def test_contigs_without_a_base_are_left_out_and_named():
    index = index_of(b">a\n>b\nAC\n>c\n\n")
    assert index.names == ("b",)
    assert index.empty == ("a", "c")


def test_lines_that_are_not_alike_are_told():
    assert index_of(b">a\nACG\nAC\nACG\n>b\nAC\nAC\n>c\nAC\r\nAC\nAC\n>d\nAC\n\nAC\nAC\n").irregular == ("a", "c", "d")


@pytest.mark.parametrize(
    ("text", "soft_masked"), [(b"AC", False), (b"ac", False), (b"aC", True), (b"ACn", False), (b"acN", False)]
)
def test_case_tells_something_only_where_both_occur(text, soft_masked):
    assert index_of(b">c\n" + text).soft_masked == soft_masked


@pytest.mark.parametrize("text", [b"", b"\n", b"\xef\xbb\xbf", b" \r\n\r\n"])
def test_an_empty_file_is_refused(text):
    with pytest.raises(
        InputError, match=r"^g.fa is empty; wanted FASTA with at least one sequence; was it cut short\?$"
    ):
        index_of(text)


@pytest.mark.parametrize("text", [b">a\n>b", b">a\n\n>b\r\n \n"])
def test_headers_alone_are_refused(text):
    with pytest.raises(InputError, match=r"^g.fa has 2 headers and no base; wanted FASTA with at least one sequence"):
        index_of(text)
