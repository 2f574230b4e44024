"""One of a thing is called otherwise than several."""

import pytest

from genolong.counted import counted


@pytest.mark.parametrize(
    ("number", "noun", "words"),
    [
        (0, "allele", "0 alleles"), (1, "allele", "1 allele"), (2000, "window", "2,000 windows"),
        (2, "batch", "2 batches"), (1, "process", "1 process"), (3, "process", "3 processes"),
        (2, "copy", "2 copies"), (2, "day", "2 days"),
    ],
)  # fmt: skip
def test_a_number_and_what_it_counts(number: int, noun: str, words: str):
    assert counted(number, noun) == words
