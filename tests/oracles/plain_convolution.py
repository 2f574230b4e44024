"""A normed depthwise convolution added to its input, position by position and tap by tap."""

import torch
from torch import Tensor


def plain_convolution(states: Tensor, norm: Tensor, taps: Tensor, bias: Tensor, eps: float) -> Tensor:
    """States (batch, length, width), taps (width, kernel): each state and what its neighbours add to it."""
    normed = states / (states.square().mean(-1, keepdim=True) + eps).sqrt() * norm
    length, kernel = states.shape[1], taps.shape[1]
    out = []
    for at in range(length):
        total = states[:, at] + bias
        for tap in range(kernel):
            of = at + tap - kernel // 2
            if 0 <= of < length:
                total = total + normed[:, of] * taps[:, tap]
        out.append(total)
    return torch.stack(out, dim=1)
