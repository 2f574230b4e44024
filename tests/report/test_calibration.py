"""Bins of probabilities, their bounds and their distance from what they say."""

import numpy as np
import pytest

from genolong.report.calibration import BINS, Bin, calibration_bins, calibration_error, is_probability
from genolong.tasks.trained_effect import BINS as OF_TRAINING


def test_bins_hold_what_is_near_and_leave_out_what_is_unknown():
    chance = np.array([0.01, 0.03, 0.5, 0.52, 1.0, np.nan])
    positive = np.array([False, True, True, True, True, True])
    first, middle, last = calibration_bins(positive, chance)
    assert (first.mean, first.alleles, first.share) == (pytest.approx(0.02), 2, 0.5)
    assert (middle.mean, middle.alleles, middle.share) == (pytest.approx(0.51), 2, 1.0)
    assert (last.mean, last.alleles) == (1.0, 1)
    assert all(0 <= each.low <= each.share <= each.high + 1e-12 <= 1 + 1e-9 for each in (first, middle, last))
    assert calibration_error([first, middle, last]) == pytest.approx((2 * 0.48 + 2 * 0.49 + 0) / 5)


def test_wilsons_interval_is_the_published_one():
    half = calibration_bins(np.arange(10) % 2 == 0, np.full(10, 0.5))[0]
    assert (half.low, half.high) == pytest.approx((0.2366, 0.7634), abs=1e-4)  # of 5 in 10, Wilson 1927


def test_errors_weigh_as_many_alleles_as_a_bin_holds():
    assert calibration_error([Bin(0.1, 3, 0.4, 0, 1), Bin(0.9, 1, 0.9, 0, 1)]) == pytest.approx(0.225)


def test_what_is_no_probability_is_known():
    assert is_probability(np.array([0.0, np.nan, 1.0]))
    assert not is_probability(np.array([0.0, 1.5]))
    assert not is_probability(np.array([np.nan]))


def test_bins_are_those_of_the_training():
    assert BINS == OF_TRAINING
