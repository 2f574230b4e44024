"""Dilated attention one query at a time: the multiset of its keys, one softmax, nothing clever."""

import torch
from torch import Tensor


def multiset(length: int, heads: int, segments, dilations, head: int, position: int) -> list[int]:
    """The keys of one query, each as often as branches give it."""
    keys: list[int] = []
    for segment, dilation in zip(segments, dilations, strict=True):
        segment = min(segment, length)
        begin = position // segment * segment
        end = min(begin + segment, length)
        members = list(range(begin + head * dilation // heads, end, dilation))
        if position in members:
            keys += members
    return keys


def dilated_attention(queries: Tensor, keys: Tensor, values: Tensor, segments, dilations) -> Tensor:
    """(batch, length, heads, width), differentiable by autograd; zeros where a query has no key."""
    _, length, heads, width = queries.shape
    columns = []
    for head in range(heads):
        rows = []
        for position in range(length):
            chosen = multiset(length, heads, segments, dilations, head, position)
            if not chosen:
                rows.append(torch.zeros_like(queries[:, 0, 0]))
                continue
            scores = (keys[:, chosen, head] @ queries[:, position, head].unsqueeze(-1)).squeeze(-1) / width**0.5
            rows.append((scores.softmax(-1).unsqueeze(-1) * values[:, chosen, head]).sum(1))
        columns.append(torch.stack(rows, 1))
    return torch.stack(columns, 2)
