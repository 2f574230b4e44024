"""Intervals are 0-based and half-open; names of contigs match with or without chr."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.genome.coordinates import Interval, match_contig

places = st.tuples(st.sampled_from("ab"), st.integers(-5, 20), st.integers(1, 7))


@given(places, places)
def test_overlap_is_a_common_base(one, other):
    (contig, start, length), (contig_, start_, length_) = one, other
    shared = contig == contig_ and set(range(start, start + length)) & set(range(start_, start_ + length_))
    first, second = Interval(contig, start, start + length), Interval(contig_, start_, start_ + length_)
    assert first.overlaps(second) == second.overlaps(first) == bool(shared)
    assert first.length == length


def test_people_count_from_one():
    assert str(Interval("chr1", 0, 100)) == "chr1:1-100"


@pytest.mark.parametrize("end", [5, 4])
def test_an_interval_holds_a_base(end):
    with pytest.raises(ValueError, match=f"ends after its start, but chr1 has 5 to {end}"):
        Interval("chr1", 5, end)


@pytest.mark.parametrize(
    ("name", "names", "found"),
    [
        ("chr1", {"chr1", "1"}, "chr1"),
        ("1", {"chr1", "1"}, "1"),
        ("chr1", {"1"}, "1"),
        ("1", {"chr1"}, "chr1"),
        ("chr1", {"chr10", "10"}, None),
        ("MT", {"chrM"}, "chrM"),
        ("M", {"MT"}, "MT"),
        ("chrM", {"chrMT", "chr1"}, "chrMT"),
        ("chrM", {"M", "MT"}, "M"),
        ("M", {"MT", "chrMT"}, None),
        ("MT_human", {"MT"}, None),
        ("X", {}, None),
    ],
)
def test_names_that_mean_the_same(name, names, found):
    assert match_contig(name, dict.fromkeys(names)) == found
