"""Attention by the fixed pattern of Sparse Transformers, merged into one softmax: for comparison."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from genolong.model.encoder import Attention, Site
from genolong.model.encoder_settings import EncoderSettings
from genolong.model.rotary import rotate


class FixedAttention(Attention):
    """Every position attends to its own block, and to the last `summaries` positions of all blocks.

    Source: Generating Long Sequences with Sparse Transformers, arXiv 1904.10509, section 4.3, without its causal mask.
    A position's own block gives its summaries twice, as dilated attention's branches do. Weights are Attention's.
    """

    def __init__(self, settings: EncoderSettings, block: int, summaries: int) -> None:
        super().__init__(settings)
        self.block, self.summaries = block, summaries

    def forward(self, states: Tensor, site: Site) -> Tensor:
        queries, keys, values = rotate(self.rows(self.norm(states)), site.turn).unbind(2)
        return self.outward(fixed_attention(queries, keys, values, self.block, self.summaries).flatten(2))


def fixed_attention(
    queries: Float[Tensor, "batch length heads width"],
    keys: Float[Tensor, "batch length heads width"],
    values: Float[Tensor, "batch length heads width"],
    block: int,
    summaries: int,
) -> Float[Tensor, "batch length heads width"]:
    """The pattern alone; a window of one block or less is attended to whole, once. Blocks divide longer windows."""
    batch, length, heads, width = queries.shape
    block = min(block, length)
    blocks = length // block
    if blocks * block != length:
        raise ValueError(f"a window of {length} positions does not divide into blocks of {block}")
    cut = [rows.unflatten(1, (blocks, block)).transpose(2, 3) for rows in (queries, keys, values)]
    if blocks > 1:
        for which in (1, 2):
            summary = cut[which][:, :, :, block - summaries :].transpose(1, 2).flatten(2, 3)
            shared = summary[:, None].expand(-1, blocks, -1, -1, -1)
            cut[which] = torch.cat((cut[which], shared), dim=3)
    queries, keys, values = (each.flatten(0, 1) for each in cut)
    out = functional.scaled_dot_product_attention(queries, keys, values)
    return out.unflatten(0, (batch, blocks)).transpose(2, 3).reshape(batch, length, heads, width)
