"""The block of long convolutions that benchmarks compare with convolves as the definition says."""

import torch

from tests.builders.models import encoder_settings
from tests.oracles.long_convolution_block import LongConvolutionBlock, long_convolution


def test_every_position_is_a_sum_over_those_before_it():
    torch.manual_seed(2)
    rows, filters = torch.randn(2, 3, 13, dtype=torch.float64), torch.randn(3, 13, dtype=torch.float64)
    wanted = torch.zeros_like(rows)
    for at in range(13):
        for back in range(at + 1):
            wanted[..., at] += rows[..., at - back] * filters[:, back]
    assert torch.allclose(long_convolution(rows, filters), wanted, atol=1e-12)


def test_channels_at_once_change_no_number():
    torch.manual_seed(2)
    block, states = LongConvolutionBlock(encoder_settings(), 17).double(), torch.randn(2, 17, 12).double()
    whole = block(states)
    block.at_once = 5
    assert torch.allclose(block(states), whole, atol=1e-12)
