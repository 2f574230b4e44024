"""Muon: updates as singular values say they should be, and no others where a gradient is rounded otherwise."""

from collections.abc import Sequence

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from genolong.tasks.muon import Muon, MuonInBfloat16

RATE, DECAY, MOMENTUM = 0.01, 0.1, 0.95
SHAPES = [(7, 5), (5, 7), (11, 11), (23, 3)]


def matrices(*shapes: Sequence[int], seed: int) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(seed)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]


def walk(kind: type[MuonInBfloat16], gradients: list[list[Tensor]]) -> list[Tensor]:
    """Matrices after a step for each list of gradients."""
    weights = matrices(*(gradient.shape for gradient in gradients[0]), seed=1)
    optimizer = kind(weights, lr=RATE, weight_decay=DECAY, adjust_lr_fn="match_rms_adamw")
    for each in gradients:
        for weight, gradient in zip(weights, each, strict=True):
            weight.grad = gradient.clone()
        optimizer.step()
    return [weight.detach() for weight in weights]


def gradients(steps: int, seed: int) -> list[list[Tensor]]:
    return [[each.detach() for each in matrices(*SHAPES, seed=seed + step)] for step in range(steps)]


def by_singular_values(gradients: list[list[Tensor]]) -> list[Tensor]:
    """The same in float64, each update of its singular values: five times a s + b s^3 + c s^5."""
    weights = [weight.detach().double() for weight in matrices(*SHAPES, seed=1)]
    means = [torch.zeros_like(weight) for weight in weights]
    for each in gradients:
        for weight, mean, gradient in zip(weights, means, (one.double() for one in each), strict=True):
            mean += (1 - MOMENTUM) * (gradient - mean)
            left, sizes, right = torch.linalg.svd((1 - MOMENTUM) * gradient + MOMENTUM * mean, full_matrices=False)
            sizes /= sizes.square().sum().sqrt()
            for _ in range(5):
                sizes = 3.4445 * sizes - 4.7750 * sizes**3 + 2.0315 * sizes**5
            weight *= 1 - RATE * DECAY
            weight -= RATE * 0.2 * max(weight.shape) ** 0.5 * (left * sizes) @ right
    return weights


@given(seed=st.integers(0, 10**6))
def test_updates_are_those_of_the_singular_values(seed):
    found, wanted = walk(Muon, gradients(3, seed)), by_singular_values(gradients(3, seed))
    for one, other in zip(found, wanted, strict=True):
        assert (one - other).abs().max() < 1e-5 * RATE * 3 + 1e-6  # of weights near 1 in float32


def test_they_are_pytorchs_but_for_bfloat16():
    started = [weight.detach() for weight in matrices(*SHAPES, seed=1)]
    for one, other, weight in zip(
        walk(Muon, gradients(3, 5)), walk(MuonInBfloat16, gradients(3, 5)), started, strict=True
    ):
        assert (one - other).norm() < 0.03 * (other - weight).norm()


@given(seed=st.integers(0, 10**6))
def test_a_gradient_that_is_rounded_otherwise_moves_nothing_further(seed):
    plain = gradients(1, seed)
    noise = torch.Generator().manual_seed(seed)
    rounded = [[each * (1 + 1e-7 * torch.randn(each.shape, generator=noise)) for each in plain[0]]]
    for one, other in zip(walk(Muon, plain), walk(Muon, rounded), strict=True):
        assert (one - other).abs().max() < 3e-3 * RATE


def test_a_matrix_without_a_gradient_stays():
    still, moved = matrices((3, 5), (5, 7), seed=2)
    before = [each.detach().clone() for each in (still, moved)]
    optimizer = Muon([still, moved], lr=RATE, weight_decay=DECAY, adjust_lr_fn="match_rms_adamw")
    moved.grad = torch.ones(5, 7)
    optimizer.step()
    assert torch.equal(still, before[0]) and not torch.equal(moved, before[1])
    assert [*optimizer.state] == [moved]
