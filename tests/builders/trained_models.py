"""Models whose answers can be worked out by head."""

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from genolong.model.masked_base_model import MaskedBaseModel
from tests.builders.models import encoder_settings


class Neighbours(MaskedBaseModel):
    """Answers with the base at its left, `sure` of it by so many nats; where it cannot see that, it knows nothing."""

    def __init__(self, sure: float) -> None:
        super().__init__(encoder_settings())
        self.sure = sure

    def forward(self, codes: Integer[Tensor, "batch length"]) -> Float[Tensor, "batch length 4"]:
        left = torch.nn.functional.pad(codes[:, :-1].long(), (1, 0), value=5)
        return nn.functional.one_hot(left, 6)[..., :4] * self.sure
