"""Muon in float32 on CPUs, so that a training gives the same result on different machines."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim import Muon as MuonInBfloat16


class Muon(MuonInBfloat16):
    """PyTorch's Muon (github.com/KellerJordan/Muon), without its rounding of gradients to bfloat16 on CPUs.

    On a CPU the rounding turns a difference of 1e-7, from another order of summation, into 0.01 within a few steps, and
    takes ten to sixty times as long if the CPU cannot multiply bfloat16. On a GPU it is kept: gradients there come from
    bfloat16 products anyway. Groups and states are PyTorch's.
    """

    @torch.no_grad()
    def step(self, _: None = None) -> None:
        """One step with Nesterov momentum, its update scaled to the size of AdamW's (arXiv 2502.16982, eq. 4)."""
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is not None:
                    self._move(matrix, group)

    def _move(self, matrix: Tensor, group: dict[str, Any]) -> None:
        gradient, state = matrix.grad, self.state[matrix]
        assert gradient is not None
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        mean = state["momentum_buffer"].lerp_(gradient, 1 - group["momentum"])
        ahead = gradient.lerp(mean, group["momentum"])
        update = equalised(
            ahead.bfloat16() if ahead.is_cuda else ahead, group["ns_coefficients"], group["ns_steps"], group["eps"]
        )
        rate = group["lr"] * 0.2 * max(matrix.shape) ** 0.5
        matrix.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-rate)


def equalised(
    matrix: Float[Tensor, "rows columns"], coefficients: tuple[float, float, float], steps: int, eps: float
) -> Float[Tensor, "rows columns"]:
    """The matrix with singular values near 1, by Newton-Schulz (github.com/KellerJordan/Muon), in its own dtype."""
    of_each, of_cube, of_fifth = coefficients
    lying = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    lying = lying / lying.norm().clamp(min=eps)
    for _ in range(steps):
        gram = lying @ lying.T
        odd = torch.addmm(gram, gram, gram, beta=of_cube, alpha=of_fifth)
        lying = torch.addmm(lying, odd, lying, beta=of_each)
    return lying.T if matrix.shape[0] > matrix.shape[1] else lying
