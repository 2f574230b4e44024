"""Rotary positions: queries and keys are rotated by angles that grow with the global position."""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from genolong.model.passes.chosen_passes import passes_for


class Rotation(NamedTuple):
    """Cosine and sine of each position's angles, shaped to be multiplied with (batch, length, 2, heads, width / 2).

    `sign` is -1 for the inverse rotation. `kernels`="cpp" rotates rows in C++ where possible, "triton" and "flash" in
    Triton; otherwise, and with "aten", PyTorch does it.
    """

    cosine: Float[Tensor, "length 1 1 half"]
    sine: Float[Tensor, "length 1 1 half"]
    kernels: str = "aten"
    sign: int = 1

    def stretch(self, start: int, length: int) -> "Rotation":
        """The rotation of positions start ... start + length - 1."""
        here = slice(start, start + length)
        return self._replace(cosine=self.cosine[here], sine=self.sine[here])

    def back(self) -> "Rotation":
        """The inverse rotation, which turns gradients of rotated rows into gradients of the rows."""
        return self._replace(sign=-self.sign)


def rotation(start: int, length: int, width: int, base: float, like: Tensor, kernels: str = "aten") -> Rotation:
    """Angles of positions start ... start + length - 1: position / base^(2 i / width) radians.

    Source: RoFormer, arXiv 2104.09864, equation 15. The angles are computed in float64, because a float32 angle is off
    by 0.02 radians at a million bases, and then rounded to the type and device of `like`.
    """
    frequencies = base ** -(torch.arange(0, width, 2, dtype=torch.float64, device=like.device) / width)
    at = torch.arange(start, start + length, dtype=torch.float64, device=like.device)
    angles = at[:, None, None, None] * frequencies
    return Rotation(angles.cos().to(like), angles.sin().to(like), kernels)


def rotate(
    rows: Float[Tensor, "batch length 3 heads width"], by: Rotation
) -> Float[Tensor, "batch length 3 heads width"]:
    """Rotate the queries and keys in `rows`; values stay unchanged.

    Each pair (i, i + width / 2) of a row is rotated by the angle of its position.
    """
    return _Rotate.apply(rows, by)  # type: ignore[no-any-return]


def turn(rows: Tensor, by: Rotation, out: Tensor) -> None:
    """Write the result of `rotate` to `out`, which must not share memory with `rows`, without an autograd graph."""
    passes = passes_for(rows, by.kernels) if _fit(rows, by, out) else None
    if passes is not None and all(tensor[0, 0].is_contiguous() for tensor in (rows, out)):
        passes.turn(rows, by.cosine.float(), by.sine.float(), by.sign, out)
        return
    cosine, sine = by.cosine.to(rows.dtype), by.sine.to(rows.dtype)
    sine = sine if by.sign > 0 else -sine
    left, right = rows[:, :, :2].chunk(2, dim=-1)
    to_left, to_right = out[:, :, :2].chunk(2, dim=-1)
    torch.mul(left, cosine, out=to_left).addcmul_(right, sine, value=-1)
    torch.mul(left, sine, out=to_right).addcmul_(right, cosine)
    out[:, :, 2] = rows[:, :, 2]


def _fit(rows: Tensor, by: Rotation, out: Tensor) -> bool:
    """Whether the shapes and types are those that our unchecked kernels expect; PyTorch's own check them."""
    _, positions, parts, _, width = rows.shape
    same = (out.shape, out.dtype, out.device) == (rows.shape, rows.dtype, rows.device)
    same = same and by.cosine.device == rows.device
    return same and parts == 3 and by.cosine.shape == by.sine.shape == (positions, 1, 1, width // 2) and width % 2 == 0


class _Rotate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, by: Rotation) -> Tensor:
        ctx.by = by
        return _turned(rows, by)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor):
        return _turned(grad, ctx.by.back()), None


def _turned(rows: Tensor, by: Rotation) -> Tensor:
    out = torch.empty(rows.shape, dtype=rows.dtype, device=rows.device)
    turn(rows, by, out)
    return out
