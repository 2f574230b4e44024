"""Dilated attention for queries at a few positions, with all keys present."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from genolong.model.attention.joint import HeadRows
from genolong.model.dilated_attention import Geometry

Keys = tuple[range, ...]


def attend_few(
    queries: Float[Tensor, "batch columns heads width"], keys: HeadRows, values: HeadRows, columns: Sequence[int],
    geometry: Geometry,
) -> Float[Tensor, "batch columns heads width"]:  # fmt: skip
    """The output of dilated_attention at `columns` of a complete sequence; `queries` holds only their queries.

    Gathers the keys in a query's branches, each as often as it occurs there: one softmax over this multiset. Queries
    with the same keys are computed together.
    """
    out, wide = torch.zeros_like(queries), torch.promote_types(queries.dtype, torch.float32)
    for head in range(queries.shape[2]):
        alike: dict[Keys, list[int]] = {}
        for number, column in enumerate(columns):
            alike.setdefault(_keys_of(column, geometry.first_head + head, geometry, keys.shape[1]), []).append(number)
        for ranges, numbers in alike.items():
            if ranges:
                asking = queries[:, numbers, head].to(wide)
                seen, given = (
                    torch.cat([rows[:, r.start : r.stop : r.step, head] for r in ranges], dim=1).to(wide)
                    for rows in (keys, values)
                )
                out[:, numbers, head] = _attended(asking, seen, given).to(out.dtype)
    return out


def _attended(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Softmax attention, (batch, columns, width), in the inputs' precision, even under autocast."""
    with torch.autocast(queries.device.type, enabled=False):
        return (queries @ keys.mT * queries.shape[-1] ** -0.5).softmax(-1) @ values


def _keys_of(column: int, head: int, geometry: Geometry, length: int) -> Keys:
    """The positions of a query's keys in each branch that contains it."""
    found = []
    for segment, dilation in geometry.branches:
        begin = column - column % segment
        keys = range(begin + head * dilation // geometry.all_heads, min(begin + segment, length), dilation)
        if column in keys:
            found.append(keys)
    return tuple(found)
