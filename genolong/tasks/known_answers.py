"""A model's logits for a short test sequence, stored with its weights to check how other machines compute them."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from genolong.model.encoder import TOKENS
from genolong.model.encoder_settings import EncoderSettings
from genolong.model.masked_base_model import MaskedBaseModel
from genolong.model.unfilled import unfilled

LENGTH = 1021  # bases, if segments are long enough: more than the first segment in all presets, and no multiple of any
TOLERATED = 1e-3  # nats; float32 results differ by 1e-5 between machines, and an LLR is meaningful to 1e-2 at best


class KnownAnswers(NamedTuple):
    """Codes of the test sequence, and the model's logits over A C G T for it, from a CPU in float32."""

    codes: UInt8[Tensor, "1 length"]
    logits: Float[Tensor, "1 length 4"]

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> "KnownAnswers | None":
        """From stored tensors, None if there are none; raises ValueError if their shapes, types or values are wrong."""
        if not tensors:
            return None
        codes, logits = (tensors.get(name, torch.empty(0)) for name in cls._fields)
        shapes = codes.dim() == 2 and codes.shape[0] == 1 and logits.shape == (*codes.shape, len("ACGT"))
        types = codes.dtype == torch.uint8 and logits.dtype == torch.float32
        if not (shapes and types and codes.numel() and int(codes.max()) < TOKENS):
            raise ValueError("wanted codes of bases, and four logits for each")
        return cls(codes, logits)


def known_answers(settings: EncoderSettings, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The fields of KnownAnswers, computed with these weights (a state dict with keys `encoder.*` and `head.*`).

    Leaves the global random state untouched.
    """
    with unfilled():
        model = MaskedBaseModel(settings).eval()
    weights = {name: state[name].detach().to("cpu", torch.float32) for name in model.state_dict()}
    model.load_state_dict(weights, assign=True)
    codes = np.random.default_rng(0).integers(0, TOKENS, (1, _length(settings)), np.uint8)
    asked = torch.from_numpy(codes)
    return KnownAnswers(asked, _asked(model.encoder, model.head, asked))._asdict()


def moved(known: KnownAnswers, encoder: nn.Module, head: nn.Module, device: torch.device) -> float:
    """The largest difference in nats between the stored log probabilities and those of the model on `device`."""
    now = _asked(encoder, head, known.codes.to(device)).cpu()
    return float((now.log_softmax(-1) - known.logits.log_softmax(-1)).abs().max())


def _length(settings: EncoderSettings) -> int:
    """A test length longer than the first segment, if possible, and not longer than the longest of `segments`."""
    if settings.segments:
        return min(max(LENGTH, settings.segments[0] + 1), max(settings.segments))
    return max(LENGTH, settings.segment + 1)


@torch.inference_mode()
def _asked(encoder: nn.Module, head: nn.Module, codes: Tensor) -> Tensor:
    return head(encoder(codes)).float()
