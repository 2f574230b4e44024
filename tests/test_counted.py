"""One of a thing is called otherwise than several; bytes are told with three digits."""

import pytest

from genolong.counted import counted, size


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


@pytest.mark.parametrize(
    ("bytes_", "told"),
    [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (123_456_789, "123 MB"), (32 * 10**14, "3200 TB")],
)
def test_sizes_are_told_with_three_digits(bytes_, told):
    assert size(bytes_) == told
