"""Models whose answers can be worked out by head."""

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from genolong.loading.masking import MaskingSettings
from genolong.tasks.masked_bases import MaskedBases, MaskedBasesSettings
from tests.builders.models import encoder_settings


class Neighbours(MaskedBases):
    """Answers with the base at its left, `sure` of it by so many nats; where it cannot see that, it knows nothing."""

    def __init__(self, sure: float) -> None:
        task = MaskedBasesSettings(MaskingSettings(0.15, 0.8, 0.1), 1.0, 1.0)
        super().__init__(encoder_settings(), task, None, max_steps=0, seed=0, checkpoint_blocks=0)
        self.sure = sure

    def forward(self, codes: Integer[Tensor, "batch length"]) -> Float[Tensor, "batch length 4"]:
        left = torch.nn.functional.pad(codes[:, :-1].long(), (1, 0), value=5)
        return nn.functional.one_hot(left, 6)[..., :4] * self.sure
