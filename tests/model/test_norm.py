"""The norm is PyTorch's, and so are its gradients."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from genolong.model.norm import Norm


@given(st.lists(st.integers(1, 7), min_size=1, max_size=3), st.integers(1, 13), st.integers(0, 2**31))
def test_outputs_and_gradients_are_those_of_pytorchs_own(positions, width, seed):
    torch.manual_seed(seed)
    own, wanted = Norm(width).double(), nn.RMSNorm(width).double()
    weight = torch.randn(width, dtype=torch.float64)
    own.load_state_dict({"weight": weight})
    wanted.load_state_dict({"weight": weight})
    x = torch.randn(*positions, width, dtype=torch.float64, requires_grad=True)
    grad = torch.randn(*positions, width, dtype=torch.float64)
    outs = own(x), wanted(x)
    assert torch.allclose(*outs, atol=1e-12)
    grads = [torch.autograd.grad(out, [x, norm.weight], grad) for out, norm in zip(outs, (own, wanted), strict=True)]
    for found, right in zip(*grads, strict=True):
        assert torch.allclose(found, right, atol=1e-10)


@pytest.mark.parametrize("scale", [0.0, 1e-12, 1e15])
def test_float32_holds_at_any_scale(scale):
    torch.manual_seed(1)
    x = (scale * torch.randn(5, 11)).requires_grad_()
    exact = x.detach().double().requires_grad_()
    eps = torch.finfo(torch.float32).eps
    found, wanted = Norm(11)(x), nn.RMSNorm(11, eps=eps).double()(exact)
    assert torch.allclose(found.double(), wanted, rtol=1e-5, atol=1e-7)
    grad = torch.randn(5, 11)
    got, right = torch.autograd.grad(found, x, grad)[0], torch.autograd.grad(wanted, exact, grad.double())[0]
    assert torch.allclose(got.double(), right, rtol=1e-4, atol=1e-5 * float(right.abs().max()))


def its_backward_pass_adds_to_gradients_that_are_there(
    kernels: str, *, enabled: bool, shape: tuple[int, int, int], seed: int
) -> None:  # fmt: skip
    torch.manual_seed(seed)
    batch, positions, width = shape
    norm, x = Norm(width), torch.randn(shape)
    torch.nn.init.normal_(norm.weight)
    norm.kernels = kernels
    around = torch.randn(batch, positions + 5, width)
    total, before = around[:, 2 : 2 + positions], around.clone()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
        out, backward = norm.opened(x)
        leaf = x.clone().requires_grad_()
        wanted = norm.rounded(leaf)
    grad = torch.randn(x.shape).to(out.dtype)
    of_weight = backward(grad, total)
    of_x, right = torch.autograd.grad(wanted, [leaf, norm.weight], grad)
    assert out.dtype == wanted.dtype and torch.equal(out, wanted) and not out.requires_grad
    assert torch.allclose(total, before[:, 2 : 2 + positions] + of_x, rtol=1e-5, atol=1e-5)
    assert torch.allclose(of_weight, right, rtol=1e-4, atol=1e-4)
    assert torch.equal(around[:, :2], before[:, :2]) and torch.equal(around[:, -3:], before[:, -3:])


shapes = st.tuples(st.integers(1, 3), st.integers(1, 90), st.integers(1, 19))


@pytest.mark.parametrize("kernels", ["aten", "cpp"])
@pytest.mark.parametrize("enabled", [False, True])
@given(shape=shapes, seed=st.integers(0, 2**31))
def test_its_backward_pass_adds_to_gradients_that_are_there(kernels, enabled, shape, seed):
    its_backward_pass_adds_to_gradients_that_are_there(kernels, enabled=enabled, shape=shape, seed=seed)
