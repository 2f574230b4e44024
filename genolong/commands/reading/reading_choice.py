"""How a trained model is run: with which kernels, and in which precision."""

from genolong.commands.reading.attention_choice import choose_attention
from genolong.commands.reading.precision_choice import choose_precision
from genolong.model.encoder import Encoder


def choose_reading(
    encoder: Encoder, attention: str, precision: str, *, cuda: bool, name: str = "trainer.attention"
) -> tuple[str, ...]:
    """Sets the encoder's kernels and precision, and returns notes for the user; `name` is the setting for attention.

    Raises SettingsError if the requested attention cannot run here.
    """
    return choose_attention(encoder, attention, cuda=cuda, name=name) + choose_precision(encoder, precision, cuda=cuda)
