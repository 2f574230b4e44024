"""The states of windows where they are asked for: the last block is run for these positions alone."""

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from genolong.model.encoder import Encoder
from genolong.parallel.shard import SequenceShard


def asked_states(
    encoder: Encoder, codes: UInt8[Tensor, "batch length"], columns: Int64[Tensor, " columns"], shard: SequenceShard
) -> Float[Tensor, "batch columns width"]:
    """Those of the last block, normed; `columns` are counted from the first position that is here.

    All of the block is run where it takes part in a gradient or in a window that several devices hold, and on a GPU,
    where each position and head would start kernels of its own.
    """
    whole = codes.device.type == "cpu" and codes.shape[1] == shard.length
    if whole and len(columns) and not torch.is_grad_enabled() and not encoder.training:
        return encoder.at(codes, columns.tolist())
    return encoder(codes, shard)[:, columns]
