"""Reads windows on both strands: the pseudo-log-likelihood of a stretch, and mean states over stretches."""

from math import log
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

from genolong.model.asked_states import asked_states
from genolong.model.encoder import Encoder
from genolong.parallel.shard import SequenceShard

COMPLEMENT = (3, 2, 1, 0, 4, 5)  # of A C G T N and the hidden base
N = 4
GUESS = -log(4)  # nats


class WindowReading(NamedTuple):
    """For every window, the pseudo-log-likelihood of its first stretch in nats, and mean states of both strands."""

    log_likelihood: Float[Tensor, " batch"]
    states: Float[Tensor, "batch 2 stretches width"]


def read_windows(
    encoder: Encoder, head: nn.Module, codes: UInt8[Tensor, "batch length"],
    stretches: Int64[Tensor, "batch stretches 2"], shard: SequenceShard | None = None,
) -> WindowReading:  # fmt: skip
    """Read both strands of each window; `stretches` are (first, end) positions in it.

    The pseudo-log-likelihood is the sum of log p(base) over a stretch with no base hidden, averaged over both strands;
    N counts as a guess among four bases, so that the number of bases is the same if one of two compared windows holds
    more N. Stretches are given in forward-strand positions for both strands. Differentiable. With `shard`, every
    process passes whole windows, computes its slice, and gets the complete result.
    """
    shard = shard or SequenceShard.whole(codes.shape[1])
    at = torch.arange(codes.shape[1], device=codes.device)
    inside = (at >= stretches[..., :1]) & (at < stretches[..., 1:])
    complement = torch.tensor(COMPLEMENT, dtype=codes.dtype, device=codes.device)
    bases = inside.sum(-1, keepdim=True)
    nats, states = [], []
    for flip in (False, True):
        strand, asked = (complement[codes.long()].flip(1), inside.flip(-1)) if flip else (codes, inside)
        strand, asked = strand[:, shard.start : shard.end], asked[..., shard.start : shard.end]
        columns = asked.flatten(0, 1).any(0).nonzero()[:, 0]
        read = asked_states(encoder, strand, columns, shard)
        strand, asked = strand[:, columns], asked[..., columns]
        logits = head(read).double().log_softmax(-1)
        of_own = logits.gather(-1, strand.long().clamp(max=N - 1).unsqueeze(-1)).squeeze(-1)
        nats.append(shard.sum((of_own.where(strand < N, GUESS) * asked[:, 0]).sum(-1)))
        states.append(shard.sum((asked.double() / bases) @ read.double()))
    return WindowReading((nats[0] + nats[1]) / 2, torch.stack(states, dim=1))
