"""The model that answers for hidden bases: encoder and head, without what only training needs."""

from jaxtyping import Float, Integer
from torch import Tensor, nn

from genolong.model.encoder import Encoder
from genolong.model.encoder_settings import EncoderSettings
from genolong.model.heads import MaskedBaseHead


class MaskedBaseModel(nn.Module):
    """Encoder and head, under the names that their weights have in checkpoints of MaskedBases."""

    def __init__(self, settings: EncoderSettings) -> None:
        super().__init__()
        self.encoder = Encoder(settings)
        self.head = MaskedBaseHead(settings.width)

    def forward(self, codes: Integer[Tensor, "batch length"]) -> Float[Tensor, "batch length 4"]:
        """Logits over A C G T at every position."""
        return self.encoder(codes, None, self.head)
