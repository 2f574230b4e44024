"""How a trained model is read: on which kernels, and in which precision."""

from torch import nn

from genolong.commands.attention_choice import choose_attention
from genolong.commands.precision_choice import choose_precision


def choose_reading(
    model: nn.Module, attention: str, precision: str, *, cuda: bool, name: str = "trainer.attention"
) -> tuple[str, ...]:
    """Tells the model's encoder, and returns what is to be told; `name` is what sets the attention.

    Raises SettingsError where the attention that is asked for cannot be.
    """
    return choose_attention(model, attention, cuda=cuda, name=name) + choose_precision(model, precision, cuda=cuda)
