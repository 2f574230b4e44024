"""What a model's attention runs on a CPU: C++ that this machine compiles, or PyTorch's kernels, and why."""

from torch import nn

from genolong.errors import SettingsError
from genolong.model.encoder import Encoder
from genolong.model.native_attention import why_not


def choose_attention(model: nn.Module, asked: str, *, cuda: bool, name: str = "trainer.attention") -> tuple[str, ...]:
    """Tells the model's encoder, and returns what is to be told; raises SettingsError where `cpp` cannot be."""
    for encoder in model.modules():
        if isinstance(encoder, Encoder) and asked != "aten" and not cuda:
            reason = why_not(encoder.settings.width // encoder.settings.heads)
            encoder.native = not reason
            if reason and asked == "cpp":
                raise SettingsError(f"{name}=cpp: {reason}; take auto or aten")
            if reason:
                return (f"attention by PyTorch's kernels, not in C++: {reason}",)
    return ()


def attention_of(model: nn.Module) -> str:
    """What was chosen: cpp or aten."""
    return "cpp" if any(isinstance(each, Encoder) and each.native for each in model.modules()) else "aten"
