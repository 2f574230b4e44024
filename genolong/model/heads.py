"""The head on the encoder's states: logits of the four bases at every position."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class MaskedBaseHead(nn.Module):
    """Logits over A C G T at every position; their softmax gives the probability of each base."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.logits = nn.Linear(width, 4)
        nn.init.normal_(self.logits.weight, std=0.02)
        nn.init.zeros_(self.logits.bias)

    def forward(self, states: Float[Tensor, "batch length width"]) -> Float[Tensor, "batch length 4"]:
        return self.logits(states).to(torch.promote_types(states.dtype, torch.float32))
