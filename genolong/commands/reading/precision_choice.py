"""The precision of a trained model: float32, or bfloat16 in the matrix products of its blocks."""

from genolong.errors import SettingsError
from genolong.model.compilers.cpp import multiplies_bfloat16
from genolong.model.encoder import Encoder

MIXED = "bf16-mixed"


def check_precision(asked: str) -> None:
    """Raises SettingsError for an unknown choice."""
    if asked not in ("32-true", MIXED):
        raise SettingsError(f"precision={asked}: wanted 32-true or {MIXED}")


def choose_precision(encoder: Encoder, asked: str, *, cuda: bool) -> tuple[str, ...]:
    """Sets the encoder's precision, and returns notes for the user."""
    encoder.mixed = asked == MIXED
    return slow_notes("precision") if asked == MIXED and not cuda else ()


def slow_notes(setting: str) -> tuple[str, ...]:
    """A note if bfloat16 was requested on a CPU without bfloat16 arithmetic."""
    if multiplies_bfloat16():
        return ()
    return (
        f"{setting}={MIXED} is no faster here, and may be four times slower: PyTorch reports no bfloat16 arithmetic "
        f"on this processor; use {setting}=32-true",
    )
