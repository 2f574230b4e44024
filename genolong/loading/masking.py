"""Chooses which bases are hidden, and what the model reads instead, as a pure function of (seed, key, position)."""

from dataclasses import dataclass
from math import ceil

import numpy as np
from jaxtyping import Bool, UInt8

from genolong.errors import SettingsError
from genolong.genome.alphabet import MASK, N
from genolong.loading.chance import Stream, as_uniform, bits_in_a_row


@dataclass(frozen=True)
class MaskingSettings:
    """The share of bases to hide, and which shares of those the model reads as MASK or as a random base.

    The other hidden bases are read unchanged, and have to be predicted like the rest.
    """

    share: float
    as_mask: float
    as_random: float

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise SettingsError(f"task.masking.share={self.share}: wanted more than 0 and less than 1")
        for name in ("as_mask", "as_random"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(f"task.masking.{name}={getattr(self, name)}: wanted a share from 0 to 1")
        if self.as_mask + self.as_random > 1 + 1e-9:
            raise SettingsError(
                f"task.masking.as_mask={self.as_mask} and task.masking.as_random={self.as_random} add up to more than "
                "1; the rest of the hidden bases stays unchanged"
            )


def hide(
    codes: UInt8[np.ndarray, " length"], settings: MaskingSettings, seed: int, key: int, start: int = 0
) -> tuple[UInt8[np.ndarray, " length"], Bool[np.ndarray, " length"]]:
    """The model's input, and which bases it has to predict; `start` is the position of the first code.

    Given its start, a slice is hidden like the same slice of the whole. N is never hidden and never drawn. The scheme
    is BERT's (arXiv 1810.04805, appendix A.1); a random base is one of A C G T, possibly the true one.

    One random number u decides everything at a position:

        0          share * as_mask        share * (as_mask + as_random)       share           1
        |   MASK   |   A  |  C  |  G  |  T   |        unchanged           |   not hidden    |
    """
    inputs, hidden = codes.copy(), codes < N
    masked = settings.share * settings.as_mask
    replaced = masked + settings.share * settings.as_random
    below = _bits_below(settings.share)
    for part, drawn in bits_in_a_row(seed, Stream.HIDE, key, start=start, count=len(codes)):
        hidden[part] &= drawn < below
        asked = np.flatnonzero(hidden[part])
        u = as_uniform(drawn[asked])
        random = (u >= masked) & (u < replaced)
        inputs[part][asked[u < masked]] = MASK
        inputs[part][asked[random]] = np.minimum((u[random] - masked) / (replaced - masked or 1) * 4, 3)
    return inputs, hidden


def _bits_below(share: float) -> np.uint64:
    """The smallest bits whose uniform number is not below `share`, which is less than 1."""
    return np.uint64(ceil(share * 2.0**53) << 11)
