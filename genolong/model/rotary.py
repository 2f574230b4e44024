"""Rotary positions: queries and keys turned by angles that grow with the global position."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Rotation(NamedTuple):
    """Cosine and sine of each position's angles, shaped to be multiplied with (batch, length, heads, width / 2)."""

    cosine: Float[Tensor, "length 1 half"]
    sine: Float[Tensor, "length 1 half"]


def rotation(start: int, length: int, width: int, base: float, like: Tensor) -> Rotation:
    """Angles of positions start ... start + length - 1: position / base^(2 i / width) radians.

    Source: RoFormer, arXiv 2104.09864, equation 15. The angles are computed in float64, because a float32 angle is off
    by 0.02 radians at a million bases, and then rounded to the type and device of `like`.
    """
    frequencies = base ** -(torch.arange(0, width, 2, dtype=torch.float64) / width)
    angles = torch.arange(start, start + length, dtype=torch.float64)[:, None, None] * frequencies
    return Rotation(angles.cos().to(like), angles.sin().to(like))


def rotate(rows: Float[Tensor, "batch length heads width"], by: Rotation) -> Float[Tensor, "batch length heads width"]:
    """Each pair (i, i + width / 2) of a row turned by the angle of its position."""
    left, right = rows.chunk(2, dim=-1)
    cosine, sine = by.cosine.to(rows.dtype), by.sine.to(rows.dtype)
    return torch.cat((left * cosine - right * sine, left * sine + right * cosine), dim=-1)
