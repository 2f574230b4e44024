"""A head's features are standardised, and its probabilities calibrated without changing their order."""

import pytest
import torch
from torch.nn import functional

from genolong.errors import SettingsError
from genolong.model.variant_head import VariantHead, VariantHeadSettings, calibration


def made(**changes) -> VariantHead:
    torch.manual_seed(1)
    values = {"around": [0, 5], "flank": 3, "hidden": 7, "dropout": 0.0}
    return VariantHead(VariantHeadSettings(**(values | changes)), 3)


def test_standardised_features_have_mean_0_and_spread_1_and_constant_ones_stay():
    head, features = made(), torch.randn(41, 10) * torch.arange(1, 11) + 5
    features[:, 4] = 2.5
    head.standardise(features)
    seen = (features - head.mean) / head.scale
    assert torch.allclose(seen.mean(0), torch.zeros(10), atol=1e-5)
    spread = seen.std(0, correction=0)
    assert torch.allclose(spread, torch.tensor([1.0, 1, 1, 1, 0, 1, 1, 1, 1, 1]), atol=1e-5)


def test_calibration_finds_the_slope_and_the_prior():
    torch.manual_seed(2)
    logits = 4 * torch.randn(20_000, dtype=torch.float64)
    positive = torch.rand(20_000) < (0.4 * logits - 1.3).sigmoid()
    slope, offset = calibration(logits, positive)
    assert slope == pytest.approx(0.4, abs=0.03)
    assert offset == pytest.approx(-1.3, abs=0.08)
    before = functional.binary_cross_entropy_with_logits(logits, positive.double())
    after = functional.binary_cross_entropy_with_logits(slope * logits + offset, positive.double())
    assert after < before


@pytest.mark.parametrize("sign", [1, -1])
def test_calibration_of_perfectly_split_or_reversed_classes_stays_finite_and_keeps_the_order(sign):
    logits = torch.linspace(-3, 3, 12)
    slope, offset = calibration(logits, sign * logits > 0)
    assert 0 < slope < 1e3
    assert abs(offset) < 100


def test_calibrated_chances_follow_the_logits():
    head, features = made(), torch.randn(30, 10)
    logits = head(features).detach()
    head.calibrate(logits, logits > 0.1)
    chances = head.chances(features).detach()
    assert (chances[logits.argsort()].diff() >= 0).all()
    assert torch.allclose(chances, (head.slope * logits + head.offset).sigmoid())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"around": []}, "head.around"), ({"around": [5, 0]}, "head.around"), ({"around": [-1]}, "head.around"),
        ({"flank": -1}, "head.flank"), ({"hidden": 0}, "head.hidden"), ({"dropout": 1.0}, "head.dropout"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_its_name(changes, message):
    with pytest.raises(SettingsError, match=rf"{message}=.*: wanted"):
        made(**changes)


def test_a_feature_that_is_constant_but_for_rounding_is_not_blown_up():
    head, features = made(), torch.randn(41, 10)
    features[:, 4] = 2.5 + 2.4e-7 * (torch.arange(41) % 2)
    head.standardise(features)
    assert head.scale[4] == 1
