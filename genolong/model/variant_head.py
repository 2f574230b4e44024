"""The trained variant head: the probability of an allele's class from its reference and alternate windows."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from genolong.errors import SettingsError
from genolong.model.window_reading import WindowReading, log_ratio


@dataclass(frozen=True)
class VariantHeadSettings:
    """conf/trained/train_variants.yaml, head: its inputs and its size."""

    around: list[int]
    flank: int
    hidden: int
    dropout: float

    def __post_init__(self) -> None:
        if not self.around or min(self.around) < 0 or sorted(set(self.around)) != self.around:
            raise SettingsError(f"head.around={self.around}: wanted rising numbers of bases, like [0,16,128]")
        if self.flank < 0:
            raise SettingsError(f"head.flank={self.flank}: wanted 0 bases or more")
        if self.hidden < 1:
            raise SettingsError(f"head.hidden={self.hidden}: wanted 1 channel or more")
        if not 0 <= self.dropout < 1:
            raise SettingsError(f"head.dropout={self.dropout}: wanted at least 0 and less than 1")

    def check_window(self, window_bp: int) -> None:
        """Raise SettingsError if the head would see positions beyond the window."""
        if window_bp <= 2 * self.around[-1]:
            raise SettingsError(
                f"head.around={self.around}: {self.around[-1]:,} bases on either side of an allele do not fit into the "
                f"run's window of {window_bp:,}; wanted numbers below {window_bp / 2:g}"
            )


class VariantHead(nn.Module):
    """An MLP with one hidden layer on standardised features, and a calibration from logits to probabilities."""

    mean: Tensor
    scale: Tensor
    slope: Tensor
    offset: Tensor

    def __init__(self, settings: VariantHeadSettings, states_width: int) -> None:
        super().__init__()
        self.settings = settings
        size = states_width * (len(settings.around) + 1) + 1
        self.layers = nn.Sequential(
            nn.Linear(size, settings.hidden), nn.GELU(), nn.Dropout(settings.dropout), nn.Linear(settings.hidden, 1)
        )
        for name, value in (("mean", torch.zeros(size)), ("scale", torch.ones(size))):
            self.register_buffer(name, value)
        for name, value in (("slope", 1.0), ("offset", 0.0)):
            self.register_buffer(name, torch.tensor(value))

    def forward(self, features: Float[Tensor, "alleles features"]) -> Float[Tensor, " alleles"]:
        """Logits of the positive class, before calibration."""
        return self.layers((features - self.mean) / self.scale).squeeze(-1)

    def chances(self, features: Float[Tensor, "alleles features"]) -> Float[Tensor, " alleles"]:
        """Calibrated probabilities of the positive class."""
        return (self.slope * self(features) + self.offset).sigmoid()

    def standardise(self, features: Float[Tensor, "alleles features"]) -> None:
        """Set the mean and standard deviation for standardising features from these alleles."""
        self.mean.copy_(features.mean(0))
        spread = features.std(0, correction=0)
        self.scale.copy_(spread.where(spread > 1e-6 * (1 + self.mean.abs()), 1.0))

    def calibrate(self, logits: Float[Tensor, " alleles"], positive: Bool[Tensor, " alleles"]) -> None:
        """Set the calibration of probabilities from these alleles."""
        slope, offset = calibration(logits, positive)
        self.slope.fill_(slope)
        self.offset.fill_(offset)


def variant_features(
    reference: WindowReading, alternate: WindowReading
) -> Float[Tensor, "alleles features"]:  # fmt: skip
    """The head's features of alleles, as means of both strands: state differences, the reference state, and the LLR.

    The differences (alternate minus reference) are of the mean states over every stretch except the first, which is
    for the LLR. The reference state is the mean over the last, widest stretch.
    """
    difference = (alternate.states - reference.states)[:, :, 1:].mean(1).flatten(1)
    llr = log_ratio(reference, alternate)
    return torch.cat((difference, reference.states[:, :, -1].mean(1), llr.unsqueeze(1)), dim=1).float()


def calibration(logits: Float[Tensor, " alleles"], positive: Bool[Tensor, " alleles"]) -> tuple[float, float]:
    """Maximum-likelihood slope (above 0) and offset of sigmoid(slope * logit + offset): temperature and prior.

    Source: Guo et al. 2017, arXiv 1706.04599, section 4.2, and Platt 1999 for the offset.
    """
    logits, target = logits.detach().double(), positive.double()
    of_slope, offset = (torch.zeros((), dtype=torch.float64, requires_grad=True) for _ in range(2))
    search = torch.optim.LBFGS([of_slope, offset], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        # weakly regularised towards slope 1 and offset 0, because with perfectly separated classes the slope diverges
        found = functional.binary_cross_entropy_with_logits(of_slope.exp() * logits + offset, target)
        found = found + 1e-3 * (of_slope.square() + 1e-3 * offset.square())
        found.backward()
        return found

    search.step(loss)  # type: ignore[arg-type]
    return float(of_slope.detach().exp()), float(offset.detach())
