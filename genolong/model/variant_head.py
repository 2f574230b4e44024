"""The trained variant head: from a reference and an alternate window, how probable an allele's class is."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from genolong.errors import SettingsError
from genolong.model.window_reading import WindowReading


@dataclass(frozen=True)
class VariantHeadSettings:
    """conf/trained/train_variants.yaml, head: what it sees, and its size."""

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
        """Raises SettingsError where the window ends before what the head would see of it."""
        if window_bp <= 2 * self.around[-1]:
            raise SettingsError(
                f"head.around={self.around}: {self.around[-1]:,} bases on either side of an allele do not fit into the "
                f"run's window of {window_bp:,}; wanted numbers below {window_bp / 2:g}"
            )


class VariantHead(nn.Module):
    """One hidden layer over standardised features, and a calibration that turns its logits into probabilities."""

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
        """From now on features are measured from these alleles' mean, in their standard deviations."""
        self.mean.copy_(features.mean(0))
        spread = features.std(0, correction=0)
        self.scale.copy_(spread.where(spread > 1e-6 * (1 + self.mean.abs()), 1.0))

    def calibrate(self, logits: Float[Tensor, " alleles"], positive: Bool[Tensor, " alleles"]) -> None:
        """From now on probabilities are calibrated on these alleles."""
        slope, offset = calibration(logits, positive)
        self.slope.fill_(slope)
        self.offset.fill_(offset)


def variant_features(
    reference: WindowReading, alternate: WindowReading
) -> Float[Tensor, "alleles features"]:  # fmt: skip
    """What the head sees of alleles, mean of both strands: differences, the reference itself, and the LLR.

    Differences of the mean states over every stretch but the first, which is the LLR's; the reference's mean state over
    the widest of them; the alternate's pseudo-log-likelihood less the reference's.
    """
    difference = (alternate.states - reference.states)[:, :, 1:].mean(1).flatten(1)
    llr = alternate.log_likelihood - reference.log_likelihood
    return torch.cat((difference, reference.states[:, :, -1].mean(1), llr.unsqueeze(1)), dim=1).float()


def calibration(logits: Float[Tensor, " alleles"], positive: Bool[Tensor, " alleles"]) -> tuple[float, float]:
    """Slope, more than 0, and offset that make sigmoid(slope * logit + offset) likeliest: temperature and prior.

    Source: Guo et al. 2017, arXiv 1706.04599, section 4.2, and Platt 1999 for the offset.
    """
    logits, target = logits.detach().double(), positive.double()
    of_slope, offset = (torch.zeros((), dtype=torch.float64, requires_grad=True) for _ in range(2))
    search = torch.optim.LBFGS([of_slope, offset], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        # a small pull to slope 1 and offset 0: of classes told apart without a mistake, slopes would have no end
        found = functional.binary_cross_entropy_with_logits(of_slope.exp() * logits + offset, target)
        found = found + 1e-3 * (of_slope.square() + 1e-3 * offset.square())
        found.backward()
        return found

    search.step(loss)  # type: ignore[arg-type]
    return float(of_slope.detach().exp()), float(offset.detach())
