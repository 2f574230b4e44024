"""A module that is built unfilled has the names and shapes of a filled one, and takes neither memory nor chance."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from genolong.model.masked_base_model import MaskedBaseModel
from genolong.model.unfilled import unfilled
from genolong.model.variant_head import VariantHead, VariantHeadSettings
from tests.builders.models import encoder_settings


@pytest.mark.parametrize(
    "made",
    [
        lambda: MaskedBaseModel(encoder_settings()), lambda: MaskedBaseModel(encoder_settings(mlp="swiglu", kernel=0)),
        lambda: VariantHead(VariantHeadSettings(flank=3, around=[0, 2], hidden=5, dropout=0.0), 7),
        lambda: nn.Bilinear(2, 3, 5),
    ],
)  # fmt: skip
def test_it_has_names_shapes_and_types_and_nothing_else(made: Callable[[], nn.Module]):
    wanted = made().state_dict()
    before = torch.get_rng_state()
    with unfilled():
        module = made()
    assert torch.equal(torch.get_rng_state(), before)
    found = module.state_dict()
    assert list(found) == list(wanted)
    for name, tensor in found.items():
        assert tensor.is_meta
        assert (tensor.shape, tensor.dtype) == (wanted[name].shape, wanted[name].dtype)
    module.load_state_dict(wanted, assign=True)
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in module.state_dict().items())


@pytest.mark.parametrize(
    "draw", [torch.Tensor.normal_, torch.Tensor.uniform_, nn.init.normal_, nn.init.uniform_, nn.init.kaiming_uniform_]
)
def test_nothing_is_drawn(draw: Callable[[torch.Tensor], torch.Tensor]):
    weight = torch.zeros(2, 3)
    with unfilled():
        assert draw(weight) is weight
    assert weight.count_nonzero() == 0
    assert draw(weight).count_nonzero() == 6


def test_everything_is_as_before_afterwards():
    with unfilled():
        assert torch.empty(3).is_meta
    assert torch.zeros(5).normal_().count_nonzero() == 5 == nn.Linear(5, 1).weight.count_nonzero()
