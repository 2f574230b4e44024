"""Final states at a few positions only; runs the last block just for these where that is faster."""

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from genolong.model.encoder import Encoder
from genolong.parallel.shard import SequenceShard


def asked_states(
    encoder: Encoder, codes: UInt8[Tensor, "batch length"], columns: Int64[Tensor, " columns"], shard: SequenceShard
) -> Float[Tensor, "batch columns width"]:
    """The normed states of the last block at `columns`, which are counted from the first position in `codes`.

    The last block is run on all positions if gradients are needed or several devices share a window, and on a GPU,
    where each position and head would launch its own kernels.
    """
    whole = codes.device.type == "cpu" and codes.shape[1] == shard.length
    if whole and len(columns) and not torch.is_grad_enabled() and not encoder.training:
        return encoder.at(codes, columns.tolist())
    return encoder(codes, shard)[:, columns]
