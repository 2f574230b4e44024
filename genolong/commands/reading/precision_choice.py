"""In which precision a trained model is read: float32, or bfloat16 in the products of its blocks."""

from genolong.errors import SettingsError
from genolong.model.compilers.cpp import multiplies_bfloat16
from genolong.model.encoder import Encoder

MIXED = "bf16-mixed"


def check_precision(asked: str) -> None:
    """Raises SettingsError for what is no choice at all."""
    if asked not in ("32-true", MIXED):
        raise SettingsError(f"precision={asked}: wanted 32-true or {MIXED}")


def choose_precision(encoder: Encoder, asked: str, *, cuda: bool) -> tuple[str, ...]:
    """Tells the encoder, and returns what is to be told."""
    encoder.mixed = asked == MIXED
    return slow_notes("precision") if asked == MIXED and not cuda else ()


def slow_notes(setting: str) -> tuple[str, ...]:
    """What is to be told of bfloat16 on a processor that was asked for it, and has no products of it."""
    if multiplies_bfloat16():
        return ()
    return (
        f"{setting}={MIXED} is no faster here, and may be four times slower: PyTorch reports no bfloat16 arithmetic "
        f"on this processor; use {setting}=32-true",
    )
