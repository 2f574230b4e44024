"""A block that mixes positions by two gated convolutions as long as the window, by FFT: for comparison."""

import torch
from torch import Tensor, nn

from genolong.model.encoder import EncoderSettings, Mlp


class LongConvolutionBlock(nn.Module):
    """Gated long convolutions and MLP, each normed first and added to the states: Hyena (arXiv 2302.10866).

    Filters are plain weights, one number a channel and position; their convolutions see what is behind them only. They
    run over `at_once` channels at a time, which changes no number and bounds the work space.
    """

    def __init__(self, settings: EncoderSettings, length: int, at_once: int = 32) -> None:
        super().__init__()
        width = settings.width
        self.at_once = at_once
        self.norm = nn.RMSNorm(width)
        self.inward, self.outward = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.filters = nn.Parameter(torch.randn(2, width, length) / length**0.5)
        self.mlp = Mlp(settings)

    def forward(self, states: Tensor) -> Tensor:
        """(batch, length, width) to the same."""
        first, second, mixed = self.inward(self.norm(states)).mT.chunk(3, dim=1)
        groups = []
        for begin in range(0, states.shape[2], self.at_once):
            some = slice(begin, begin + self.at_once)
            near = first[:, some] * long_convolution(mixed[:, some], self.filters[0, some])
            groups.append(second[:, some] * long_convolution(near, self.filters[1, some]))
        states = states + self.outward(torch.cat(groups, dim=1).mT)
        return states + self.mlp(states)


def long_convolution(rows: Tensor, filters: Tensor) -> Tensor:
    """Each row (..., channels, length) with its channel's filter, through spectra of twice the length: no wrapping."""
    length = rows.shape[-1]
    spectra = torch.fft.rfft(rows, n=2 * length) * torch.fft.rfft(filters, n=2 * length)
    return torch.fft.irfft(spectra, n=2 * length)[..., :length]
