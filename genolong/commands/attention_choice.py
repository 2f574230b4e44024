"""What a model's attention runs on: C++ that this machine compiles, Triton's kernels, or PyTorch's, and why."""

from torch import nn

from genolong.errors import SettingsError
from genolong.model import native_attention, triton_attention
from genolong.model.encoder import Encoder


def check_attention(asked: str, name: str) -> None:
    """Raises SettingsError for what is no choice at all."""
    if asked not in ("auto", "aten", "cpp", "triton"):
        raise SettingsError(f"{name}={asked}: wanted auto, aten, cpp or triton")


def choose_attention(model: nn.Module, asked: str, *, cuda: bool, name: str = "trainer.attention") -> tuple[str, ...]:
    """Tells the model's encoder, and returns what is to be told.

    Raises SettingsError where `triton`, or `cpp` on a CPU, is asked for and cannot be.
    """
    for encoder in model.modules():
        if isinstance(encoder, Encoder) and asked != "aten":
            width = encoder.settings.width // encoder.settings.heads
            if asked == "triton":
                _insist(encoder, asked, triton_attention.why_not(width, cuda=cuda), name)
            elif asked == "cpp" and not cuda:
                _insist(encoder, asked, native_attention.why_not(width), name)
            elif not cuda:
                reason = native_attention.why_not(width)
                encoder.kernels = "aten" if reason else "cpp"
                if reason:
                    return (f"attention by PyTorch's kernels, not in C++: {reason}",)
    return ()


def _insist(encoder: Encoder, asked: str, reason: str, name: str) -> None:
    if reason:
        raise SettingsError(f"{name}={asked}: {reason}; take auto or aten")
    encoder.kernels = asked


def attention_of(model: nn.Module) -> str:
    """What was chosen: cpp, triton or aten."""
    chosen = {each.kernels for each in model.modules() if isinstance(each, Encoder)} - {"aten"}
    return min(chosen, default="aten")
