"""Reads windows on both strands: the pseudo-log-likelihood of a stretch, and mean states over stretches."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64, Integer, UInt8
from torch import Tensor, nn

from genolong.model.asked_states import asked_states
from genolong.model.encoder import Encoder
from genolong.parallel.shard import SequenceShard

_COMPLEMENT = (3, 2, 1, 0, 4, 5)  # of A C G T N and the hidden base
N = 4


class WindowReading(NamedTuple):
    """For every window, the pseudo-log-likelihood of its first stretch in nats, and mean states of both strands.

    `known` is the number of bases of that stretch, N left out, whose log p the likelihood sums.
    """

    log_likelihood: Float[Tensor, " batch"]
    known: Integer[Tensor, " batch"]
    states: Float[Tensor, "batch 2 stretches width"]


def other_strand(codes: UInt8[Tensor, "batch length"]) -> UInt8[Tensor, "batch length"]:
    """The reverse complement of each window."""
    complement = torch.tensor(_COMPLEMENT, dtype=codes.dtype, device=codes.device)
    return complement[codes.long()].flip(1)


def log_ratio(reference: WindowReading, alternate: WindowReading) -> Float[Tensor, " batch"]:
    """The LLR in nats: log-likelihoods of the alternate windows minus those of the reference windows.

    An insertion or deletion moves N, or what lies beyond a contig's end, out of the compared stretch or into it. So
    that both windows sum over the same number of bases, N counts as the mean base of both stretches.
    """
    known = (reference.known + alternate.known).clamp(min=1)
    mean = (reference.log_likelihood + alternate.log_likelihood) / known
    missing = reference.known - alternate.known
    return alternate.log_likelihood + missing * mean - reference.log_likelihood


def read_windows(
    encoder: Encoder, head: nn.Module, codes: UInt8[Tensor, "batch length"],
    stretches: Int64[Tensor, "batch stretches 2"], shard: SequenceShard | None = None,
) -> WindowReading:  # fmt: skip
    """Read both strands of each window; `stretches` are (first, end) positions in it.

    The pseudo-log-likelihood is the sum of log p(base) over a stretch with no base hidden, averaged over both strands.
    Stretches are given in forward-strand positions for both strands. Differentiable. With `shard`, every
    process passes whole windows, computes its slice, and gets the complete result.
    """
    shard = shard or SequenceShard.whole(codes.shape[1])
    at = torch.arange(codes.shape[1], device=codes.device)
    inside = (at >= stretches[..., :1]) & (at < stretches[..., 1:])
    bases = inside.sum(-1, keepdim=True)
    nats, states = [], []
    for flip in (False, True):
        strand, asked = (other_strand(codes), inside.flip(-1)) if flip else (codes, inside)
        strand, asked = strand[:, shard.start : shard.end], asked[..., shard.start : shard.end]
        columns = asked.flatten(0, 1).any(0).nonzero()[:, 0]
        read = asked_states(encoder, strand, columns, shard)
        strand, asked = strand[:, columns], asked[..., columns]
        logits = head(read).double().log_softmax(-1)
        of_own = logits.gather(-1, strand.long().clamp(max=N - 1).unsqueeze(-1)).squeeze(-1)
        nats.append(shard.sum((of_own * (asked[:, 0] & (strand < N))).sum(-1)))
        states.append(shard.sum((asked.double() / bases) @ read.double()))
    known = (inside[:, 0] & (codes < N)).sum(-1)
    return WindowReading((nats[0] + nats[1]) / 2, known, torch.stack(states, dim=1))
