"""States of any layer, on the given strand or as the mean of both, for whole windows or stretches."""

from numbers import Integral
from typing import Any

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from genolong.errors import SettingsError
from genolong.model.encoder import Encoder
from genolong.model.encoder_settings import EncoderSettings
from genolong.model.window_reading import other_strand
from genolong.parallel.shard import SequenceShard


def check_layer(layer: Any, settings: EncoderSettings) -> None:
    """Raise SettingsError if the encoder does not have this layer."""
    if layer is None:
        return
    whole = isinstance(layer, Integral) and not isinstance(layer, bool)
    if not whole or layer not in range(settings.layers + 1):
        raise SettingsError(
            f"layer={layer}: wanted 0 (the bases as they enter) to {settings.layers} (after the last block), or "
            "null/None for the last one's normed states"
        )


def layer_states(
    encoder: Encoder, codes: UInt8[Tensor, "batch length"], layer: int | None, shard: SequenceShard | None = None
) -> Float[Tensor, "batch length width"]:
    """States of the given strand after block `layer`; 0: before the first block, None: after the last block, normed."""
    return encoder(codes, shard) if layer is None else encoder.after(codes, layer, shard)


def both_strands(
    encoder: Encoder, codes: UInt8[Tensor, "batch length"], layer: int | None
) -> Float[Tensor, "batch length width"]:
    """The mean of both strands' states, in the order of the forward strand."""
    everything = torch.tensor([[0, codes.shape[1]]], device=codes.device).expand(len(codes), 2)
    return stretch_states(encoder, codes, everything, layer)


def stretch_states(
    encoder: Encoder, codes: UInt8[Tensor, "batch length"], stretches: Int64[Tensor, "batch 2"], layer: int | None,
    shard: SequenceShard | None = None,
) -> Float[Tensor, "batch longest width"]:  # fmt: skip
    """The mean of both strands' states over a stretch (first, end) of each window, padded with zeros at the end.

    With `shard`, every process passes whole windows, computes its slice, and gets the complete result.
    """
    length = codes.shape[1]
    shard = shard or SequenceShard.whole(length)
    offsets = torch.arange(int((stretches[:, 1] - stretches[:, 0]).max()), device=codes.device)
    forward = stretches[:, :1] + offsets
    inside = forward < stretches[:, 1:]
    strands = []
    for flip in (False, True):
        strand, at = (other_strand(codes), length - 1 - forward) if flip else (codes, forward)
        states = layer_states(encoder, strand[:, shard.start : shard.end], layer, shard)
        here = inside & (at >= shard.start) & (at < shard.end)
        own = (at - shard.start).clamp(0, states.shape[1] - 1)
        strands.append(states.gather(1, own[..., None].expand(-1, -1, states.shape[2])) * here[..., None])
    return shard.sum((strands[0] + strands[1]) / 2)
