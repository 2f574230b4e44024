"""Final states at a few positions only; runs the last block just for these where that is faster."""

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from genolong.model.encoder import Encoder
from genolong.parallel.shard import SequenceShard

MANY = 0.25  # share of the positions from which on all of them together take less time


def asked_states(
    encoder: Encoder, codes: UInt8[Tensor, "batch length"], columns: Int64[Tensor, " columns"], shard: SequenceShard
) -> Float[Tensor, "batch columns width"]:
    """The normed states of the last block at `columns`, which are counted from the first position in `codes`.

    The last block is run on all positions if many are asked for, if gradients are needed or several devices share a
    window, and on a GPU, where each position and head would launch its own kernels.
    """
    whole, few = codes.shape[1] == shard.length, 0 < len(columns) < MANY * codes.shape[1]
    if whole and few and codes.device.type == "cpu" and not torch.is_grad_enabled() and not encoder.training:
        return encoder.at(codes, columns.tolist())
    return encoder(codes, shard)[:, columns]
