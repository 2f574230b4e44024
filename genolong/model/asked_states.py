"""The states of windows where they are asked for: at few positions the last block is run for these alone."""

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from genolong.model.encoder import Encoder
from genolong.parallel.shard import SequenceShard

FEW = 64  # positions on a CPU; on a GPU, where each of them starts a dozen kernels, it has not been measured


def asked_states(
    encoder: Encoder, codes: UInt8[Tensor, "batch length"], columns: Int64[Tensor, " columns"], shard: SequenceShard
) -> Float[Tensor, "batch columns width"]:
    """Those of the last block, normed; `columns` are counted from the first position that is here."""
    few = codes.device.type == "cpu" and 0 < len(columns) <= FEW and codes.shape[1] == shard.length
    if few and not torch.is_grad_enabled() and not encoder.training:
        return encoder.at(codes, columns.tolist())
    return encoder(codes, shard)[:, columns]
