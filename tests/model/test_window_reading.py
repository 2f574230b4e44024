"""The LLR of two windows: a difference of sums over as many bases, whatever either window has of N."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from genolong.model.window_reading import WindowReading, log_ratio

SUMS = st.lists(st.tuples(st.floats(-50, 0), st.integers(1, 40), st.floats(-50, 0), st.integers(1, 40)), min_size=1)


def reading(nats: list[float], known: list[int]) -> WindowReading:
    return WindowReading(torch.tensor(nats, dtype=torch.float64), torch.tensor(known), torch.zeros(len(nats), 2, 1, 3))


def test_of_equally_many_bases_it_is_the_difference():
    found = log_ratio(reading([-4.0, -7.5], [8, 13]), reading([-6.0, -7.0], [8, 13]))
    assert found.tolist() == [-2.0, 0.5]


def test_bases_as_likely_as_the_others_change_nothing_however_many_they_are():
    found = log_ratio(reading([-4.0, -9.0], [8, 18]), reading([-9.0, -4.0], [18, 8]))
    assert found.tolist() == [0.0, 0.0]


def test_inserted_bases_that_are_less_likely_than_the_others_count_by_that():
    # 8 flanking bases at -0.5, and 10 inserted ones at -1.3 in place of N: the mean is -21 / 26
    found = log_ratio(reading([-4.0], [8]), reading([-17.0], [18]))
    torch.testing.assert_close(found, torch.tensor([-13.0 + 10 * 21 / 26], dtype=torch.float64))


def test_nothing_known_is_no_ratio():
    assert log_ratio(reading([0.0], [0]), reading([0.0], [0])).tolist() == [0.0]


@given(SUMS)
def test_the_other_way_round_it_is_the_opposite(sums: list[tuple[float, int, float, int]]):
    nats, known, other_nats, other_known = (list(each) for each in zip(*sums, strict=True))
    one, other = reading(nats, known), reading(other_nats, other_known)
    torch.testing.assert_close(log_ratio(one, other), -log_ratio(other, one))
