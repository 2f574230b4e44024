"""The states of any layer, of the strand that is given or as the mean of both, over whole windows or stretches."""

from numbers import Integral
from typing import Any

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from genolong.errors import SettingsError
from genolong.model.encoder import Encoder, EncoderSettings
from genolong.model.window_reading import COMPLEMENT
from genolong.parallel.shard import SequenceShard


def check_layer(layer: Any, settings: EncoderSettings) -> None:
    """Refuses a layer that the encoder does not have; raises SettingsError."""
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
    """Of the strand that is given: as they leave block `layer` (0: as the bases enter), None: the last, normed."""
    return encoder(codes, shard) if layer is None else encoder.after(codes, layer, shard)


def both_strands(
    encoder: Encoder, codes: UInt8[Tensor, "batch length"], layer: int | None
) -> Float[Tensor, "batch length width"]:
    """The mean of both strands' states; those of the reverse strand stand in the order of the forward strand."""
    everything = torch.tensor([[0, codes.shape[1]]], device=codes.device).expand(len(codes), 2)
    return stretch_states(encoder, codes, everything, layer)


def stretch_states(
    encoder: Encoder, codes: UInt8[Tensor, "batch length"], stretches: Int64[Tensor, "batch 2"], layer: int | None,
    shard: SequenceShard | None = None,
) -> Float[Tensor, "batch longest width"]:  # fmt: skip
    """The same of a stretch (first, end) of each window, from its first base on; zeros follow where it is shorter.

    Processes that hold a slice of the sequence each, `shard`, are given whole windows, and all of them get the states.
    """
    length = codes.shape[1]
    shard = shard or SequenceShard.whole(length)
    complement = torch.tensor(COMPLEMENT, dtype=codes.dtype, device=codes.device)
    offsets = torch.arange(int((stretches[:, 1] - stretches[:, 0]).max()), device=codes.device)
    forward = stretches[:, :1] + offsets
    inside = forward < stretches[:, 1:]
    strands = []
    for flip in (False, True):
        strand, at = (complement[codes.long()].flip(1), length - 1 - forward) if flip else (codes, forward)
        states = layer_states(encoder, strand[:, shard.start : shard.end], layer, shard)
        here = inside & (at >= shard.start) & (at < shard.end)
        own = (at - shard.start).clamp(0, states.shape[1] - 1)
        strands.append(states.gather(1, own[..., None].expand(-1, -1, states.shape[2])) * here[..., None])
    return shard.sum((strands[0] + strands[1]) / 2)
