"""A block that mixes positions by two gated convolutions as long as the window, by FFT: for comparison."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from genolong.model.encoder_settings import EncoderSettings

STRETCH = 1 << 16  # positions whose inner layer of the MLP is made again at once


class LongConvolutionBlock(nn.Module):
    """Gated long convolutions and MLP, each normed first and added to the states: Hyena (arXiv 2302.10866).

    Filters are plain weights, one number a channel and position; their convolutions see what is behind them only. They
    run over `at_once` channels at a time, which changes no number and bounds the work space. Where `recompute`, spectra
    and the MLP's inner layer are not kept but made again: 50 GB are 20 at a million positions.
    """

    def __init__(self, settings: EncoderSettings, length: int, at_once: int = 8, *, recompute: bool = False) -> None:
        super().__init__()
        width, hidden = settings.width, round(settings.width * settings.mlp_ratio)
        self.at_once, self.recompute = at_once, recompute
        self.norm, self.mlp_norm = nn.RMSNorm(width), nn.RMSNorm(width)
        self.inward, self.outward = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.filters = nn.Parameter(torch.randn(2, width, length) / length**0.5)
        self.mlp_inward, self.mlp_outward = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, states: Tensor) -> Tensor:
        """(batch, length, width) to the same."""
        rows = self.inward(self.norm(states)).mT.unflatten(1, (3, -1))
        parts = zip(rows.split(self.at_once, dim=2), self.filters.split(self.at_once, dim=1), strict=True)
        states = states + self.outward(torch.cat([self._run(_gated, *part) for part in parts], dim=1).mT)
        stretches = states.split(STRETCH if self.recompute else states.shape[1], dim=1)
        return states + torch.cat([self._run(self._mlp, stretch) for stretch in stretches], dim=1)

    def _mlp(self, states: Tensor) -> Tensor:
        return self.mlp_outward(functional.gelu(self.mlp_inward(self.mlp_norm(states)), approximate="tanh"))

    def _run(self, function, *inputs: Tensor) -> Tensor:
        if self.recompute:
            return checkpoint(function, *inputs, use_reentrant=False, preserve_rng_state=False)  # type: ignore[return-value]
        return function(*inputs)


def _gated(rows: Tensor, filters: Tensor) -> Tensor:
    first, second, mixed = rows.unbind(1)
    return second * long_convolution(first * long_convolution(mixed, filters[0]), filters[1])


def long_convolution(rows: Tensor, filters: Tensor) -> Tensor:
    """Each row (..., channels, length) with its channel's filter, through spectra of twice the length: no wrapping."""
    length = rows.shape[-1]
    spectra = torch.fft.rfft(rows, n=2 * length) * torch.fft.rfft(filters, n=2 * length)
    return torch.fft.irfft(spectra, n=2 * length)[..., :length]
