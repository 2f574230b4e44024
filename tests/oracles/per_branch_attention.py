"""Dilated attention as public implementations do it: every branch spread out densely, kept, and mixed at the end.

For comparison in benchmarks. The output is exact where every length divides; the gradient is not that of the output,
because the mixing weights are held constant in the backward pass.
"""

import torch
from torch import Tensor


def per_branch_attention(queries: Tensor, keys: Tensor, values: Tensor, segments, dilations) -> Tensor:
    """(batch, length, heads, width); lengths must divide."""
    outs, denominators = [], []
    for segment, dilation in zip(segments, dilations, strict=True):
        out, lse = _branch(queries, keys, values, min(segment, queries.shape[1]), dilation)
        outs.append(out)
        denominators.append(lse)
    with torch.no_grad():
        shares = torch.stack(denominators).softmax(0)
    return torch.stack([out * share.unsqueeze(-1).to(out.dtype) for out, share in zip(outs, shares, strict=True)]).sum(
        0
    )


def _branch(queries: Tensor, keys: Tensor, values: Tensor, segment: int, dilation: int) -> tuple[Tensor, Tensor]:
    batch, length, heads, width = queries.shape
    group = max(1, heads // dilation)  # heads with one offset

    def taken(rows: Tensor, head: int) -> Tensor:
        split = rows.view(batch, length // segment, segment, heads, -1)
        return split[:, :, head * dilation // heads :: dilation, head : head + group]

    def gathered(rows: Tensor) -> Tensor:
        every = torch.stack([taken(rows, head) for head in range(0, heads, group)], dim=2)
        return every.permute(0, 1, 2, 4, 3, 5).reshape(-1, group, segment // dilation, width)

    def spread(rows: Tensor, fill: float) -> Tensor:
        rows = rows.view(batch, length // segment, heads // group, group, segment // dilation, -1)
        dense = rows.new_full((batch, length, heads, rows.shape[-1]), fill)
        for number, head in enumerate(range(0, heads, group)):
            taken(dense, head).copy_(rows[:, :, number].transpose(2, 3))
        return dense

    found = _flash(gathered(queries), gathered(keys), gathered(values))
    return spread(found[0], 0.0), spread(found[1].unsqueeze(-1), -1e8).squeeze(-1)


def _flash(queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    aten = torch.ops.aten
    if queries.device.type == "cpu":
        return aten._scaled_dot_product_flash_attention_for_cpu(queries, keys, values)
    if queries.dtype == torch.float32:
        return aten._scaled_dot_product_efficient_attention(queries, keys, values, None, True)[:2]
    return aten._scaled_dot_product_flash_attention(queries, keys, values)[:2]
