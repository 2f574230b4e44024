"""Chooses the kernels for a model's attention: C++ compiled on this machine, GPU kernels or PyTorch's, and why."""

from genolong.errors import SettingsError
from genolong.model.attention import native_attention, triton_attention
from genolong.model.compilers import triton
from genolong.model.encoder import Encoder
from genolong.settings import ATTENTION

WITHOUT = {"cpp": "not in C++", "flash": "without Triton's"}


def check_attention(asked: str, name: str) -> None:
    """Raises SettingsError for an unknown choice."""
    if asked not in ATTENTION:
        raise SettingsError(f"{name}={asked}: wanted {' or '.join(ATTENTION)}")


def choose_attention(
    encoder: Encoder, asked: str, *, cuda: bool, name: str = "trainer.attention"
) -> tuple[str, ...]:  # fmt: skip
    """Sets the encoder's attention kernels, and returns notes for the user.

    Raises SettingsError if the requested kernels cannot run here.
    """
    wanted = wanted_kernels(asked, cuda=cuda)
    reason = _why_not(wanted, encoder.settings.width // encoder.settings.heads, cuda=cuda)
    if reason and asked != "auto":
        raise SettingsError(f"{name}={asked}: {reason}; use auto or aten")
    encoder.kernels = "aten" if reason else wanted
    if reason:
        return (f"attention by PyTorch's kernels, {WITHOUT[wanted]}: {reason}",)
    if wanted == "aten" and asked == "cpp":
        return (f"attention by PyTorch's kernels: {name}=cpp is for CPUs, and this is a GPU; flash is faster",)
    return ()


def wanted_kernels(asked: str, *, cuda: bool) -> str:
    """The kernels to use if possible; on a GPU, `cpp` (which is for CPUs) becomes `aten`."""
    if asked == "auto":
        return "flash" if cuda else "cpp"
    return "aten" if asked == "cpp" and cuda else asked


def _why_not(wanted: str, width: int, *, cuda: bool) -> str:
    """Why these kernels cannot attend with `width` channels per head; empty if they can."""
    if wanted == "triton":
        return triton_attention.why_not(width, cuda=cuda)
    if wanted == "flash":
        return triton.no_triton(cuda=cuda)
    return native_attention.why_not(width) if wanted == "cpp" else ""
