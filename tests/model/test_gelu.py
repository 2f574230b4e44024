"""GELU with a bias is PyTorch's, with its gradients, and nobody needs a compiler."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.nn import functional

from genolong.model.encoder import Mlp
from genolong.model.gelu import biased_gelu
from genolong.model.passes import native_passes
from genolong.model.passes.native_passes import NativePasses
from tests.builders.models import encoder_settings

needs_it = pytest.mark.skipif(
    native_passes.native_passes(torch.zeros(1)) is None, reason="C++ cannot be compiled on this machine"
)
any_vectors = pytest.mark.usefixtures("vectors")


@pytest.fixture(autouse=True)
def one_thread():
    yield
    torch.set_num_threads(1)


def passes() -> NativePasses:
    found = native_passes.native_passes(torch.zeros(1))
    assert found is not None
    return found


@needs_it
@any_vectors
@given(
    st.lists(st.integers(1, 7), min_size=1, max_size=3), st.integers(1, 67), st.integers(1, 5), st.integers(0, 2**31)
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_outputs_and_gradients_are_those_of_float64(positions, width, threads, seed):
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    x, bias, grad = 3 * torch.randn(*positions, width), torch.randn(width), torch.randn(*positions, width)
    found = biased_gelu(x.requires_grad_(), bias.requires_grad_(), passes())
    exact = [tensor.detach().double().requires_grad_() for tensor in (x, bias)]
    wanted = functional.gelu(exact[0] + exact[1])
    assert torch.allclose(found.double(), wanted, rtol=1e-6, atol=1e-6)
    got = torch.autograd.grad(found, [x, bias], grad)
    for one, right in zip(got, torch.autograd.grad(wanted, exact, grad.double()), strict=True):
        assert one.shape == right.shape and torch.allclose(one.double(), right, rtol=1e-5, atol=1e-5)


@needs_it
@any_vectors
def test_it_is_as_exact_as_pytorchs_even_far_below_zero():
    x = torch.linspace(-13, 13, 300_001)
    exact, slope = x.double().requires_grad_(), torch.ones_like(x)
    wanted = functional.gelu(exact)
    found = passes().gelu(x[None], torch.zeros_like(x))[0]
    error, scale = (found.double() - wanted).detach().abs(), wanted.detach().abs().clamp(min=1e-30)
    assert float((error / x.abs().clamp(min=1e-3)).max()) < 4e-7
    assert float((error / scale)[x > -5].max()) < 4e-6, "PyTorch's own loses all digits there"
    (right,) = torch.autograd.grad(wanted.sum(), exact)
    assert float((passes().gelu_backward(slope[None], x[None], torch.zeros_like(x))[0] - right).abs().max()) < 5e-7


@needs_it
@any_vectors
def test_numbers_that_are_none_and_very_large_ones_are_not_hidden():
    x = torch.tensor([float("nan"), float("inf"), 1e30, -1e30, 0.0])
    out = passes().gelu(x[None], torch.zeros(5))[0]
    assert out[0].isnan() and torch.equal(out[1:3], x[1:3]) and torch.equal(out[3:], torch.zeros(2))
    slope = passes().gelu_backward(torch.ones_like(x)[None], x[None], torch.zeros(5))[0][0]
    assert slope[0].isnan() and torch.equal(slope[2:], torch.tensor([1.0, 0.0, 0.5]))


@needs_it
def test_threads_change_no_number_but_the_order_of_the_bias_sum():
    torch.manual_seed(1)
    x, bias, grad = torch.randn(211, 13), torch.randn(13), torch.randn(211, 13)
    alone, (of_x, of_bias) = passes().gelu(x, bias), passes().gelu_backward(grad, x, bias)
    torch.set_num_threads(3)
    assert torch.equal(passes().gelu(x, bias), alone)
    again = passes().gelu_backward(grad, x, bias)
    assert torch.equal(again[0], of_x) and torch.allclose(again[1], of_bias, atol=1e-5)


@needs_it
def test_rows_may_lie_anywhere_and_are_left_alone():
    torch.manual_seed(1)
    x, grad, bias = torch.randn(2, 11, 7).mT, torch.randn(7).expand(2, 11, 7).mT, torch.randn(2, 11)[1].flip(0)
    before = x.clone()
    assert torch.allclose(passes().gelu(x, bias), functional.gelu(x + bias), atol=1e-6) and torch.equal(x, before)
    found, wanted = passes().gelu_backward(grad, x, bias), torch.ops.aten.gelu_backward(grad, x + bias)
    assert torch.allclose(found[0], wanted, atol=1e-6) and torch.allclose(found[1], wanted.sum((0, 1)), atol=1e-5)


@needs_it
@pytest.mark.parametrize("mlp", ["gelu", "swiglu"])
@pytest.mark.parametrize("enabled", [False, True])
def test_an_mlp_is_the_same_with_and_without(mlp, enabled):
    torch.manual_seed(1)
    layer, states = Mlp(encoder_settings(mlp=mlp)), torch.randn(2, 17, 12, requires_grad=True)
    torch.nn.init.normal_(layer.inward.bias)
    grad, found = torch.randn(2, 17, 12), []
    for kernels in ("aten", "cpp"):
        layer.norm.kernels = kernels
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            out = layer(states)
        found.append([out, *torch.autograd.grad(out, [states, *layer.parameters()], grad.to(out.dtype))])
    for one, other in zip(*found, strict=True):
        assert one.dtype == other.dtype
        close = (2e-2 if enabled else 1e-5) * max(1.0, float(other.detach().abs().max()))
        assert torch.allclose(one.float(), other.float(), atol=close)
