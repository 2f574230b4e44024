"""How a trained model is read: on which kernels, and in which precision."""

from genolong.commands.reading.attention_choice import choose_attention
from genolong.commands.reading.precision_choice import choose_precision
from genolong.model.encoder import Encoder


def choose_reading(
    encoder: Encoder, attention: str, precision: str, *, cuda: bool, name: str = "trainer.attention"
) -> tuple[str, ...]:
    """Tells the encoder, and returns what is to be told; `name` is what sets the attention.

    Raises SettingsError where the attention that is asked for cannot be.
    """
    return choose_attention(encoder, attention, cuda=cuda, name=name) + choose_precision(encoder, precision, cuda=cuda)
