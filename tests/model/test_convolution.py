"""The short convolution is what a walk over positions and taps finds, in C++ and by PyTorch."""

import copy

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from genolong.model.convolution import Convolution
from genolong.model.passes.native_passes import native_passes
from tests.oracles.plain_convolution import plain_convolution

needs_it = pytest.mark.skipif(native_passes(torch.zeros(1)) is None, reason="C++ cannot be compiled on this machine")


@pytest.fixture(autouse=True)
def one_thread():
    yield
    torch.set_num_threads(1)


def made(width: int, kernel: int, kernels: str) -> Convolution:
    convolution = Convolution(width, kernel)
    with torch.no_grad():
        convolution.norm.weight.add_(0.3 * torch.randn(width))
    convolution.norm.kernels = kernels
    return convolution


def with_gradients(out: Tensor, x: Tensor, convolution: Convolution, grad: Tensor) -> list[Tensor]:
    return [out.detach(), *torch.autograd.grad(out, [x, *convolution.parameters()], grad)]


def close(found: list[Tensor], wanted: list[Tensor]) -> bool:
    """To the rounding of the largest of them, for sums may cancel."""
    tolerance = 1e-5 * max(float(right.abs().max()) for right in wanted)
    return all(
        got.dtype == torch.float32 and torch.allclose(got.double(), right, rtol=1e-5, atol=tolerance)
        for got, right in zip(found, wanted, strict=True)
    )


problems = given(
    st.integers(1, 3), st.integers(1, 131), st.integers(1, 83), st.integers(0, 20), st.integers(1, 3),
    st.integers(0, 2**31),
)  # fmt: skip


def walked(convolution: Convolution, x: Tensor) -> tuple[Tensor, Convolution, Tensor]:
    """The output in float64, after the states and the convolution that it has gradients for."""
    exact, wide = copy.deepcopy(convolution).double(), x.detach().double().requires_grad_()
    norm, taps, bias = exact.parameters()
    return wide, exact, plain_convolution(wide, norm, taps[:, 0], bias, torch.finfo(torch.float32).eps)


def it_is_what_a_walk_over_positions_and_taps_finds(kernels, batch, length, width, reach, threads, seed):
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    convolution = made(width, 2 * reach + 1, kernels)
    x, grad = torch.randn(batch, length, width, requires_grad=True), torch.randn(batch, length, width)
    found = with_gradients(convolution(x), x, convolution, grad)
    wide, exact, out = walked(convolution, x)
    assert close(found, with_gradients(out, wide, exact, grad.double()))


def gradients_of_a_part_are_those_of_a_walk(kernels, batch, length, width, reach, threads, seed):
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    convolution, x = made(width, 2 * reach + 1, kernels), torch.randn(batch, length, width)
    start, end = sorted(torch.randperm(length + 1)[:2].tolist())
    grad = torch.randn(batch, length, width)[:, start:end]
    wide, exact, out = walked(convolution, x)
    wanted = torch.autograd.grad(out[:, start:end], [wide, *exact.parameters()], grad.double())
    assert close([*convolution.gradients(x, grad, start)], [*wanted])


both = pytest.mark.parametrize(
    "holds", [it_is_what_a_walk_over_positions_and_taps_finds, gradients_of_a_part_are_those_of_a_walk]
)


@both
@problems
def test_by_pytorch(holds, batch, length, width, reach, threads, seed):
    holds("aten", batch, length, width, reach, threads, seed)


@needs_it
@pytest.mark.usefixtures("vectors")
@both
@problems
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_in_cpp(holds, batch, length, width, reach, threads, seed):
    holds("cpp", batch, length, width, reach, threads, seed)


@needs_it
@pytest.mark.parametrize("threads", [2, 3])
def test_threads_share_positions_and_change_no_state(threads):
    torch.manual_seed(1)
    convolution = made(67, 9, "cpp")
    x, grad = torch.randn(2, 211, 67, requires_grad=True), torch.randn(2, 211, 67)
    alone = with_gradients(convolution(x), x, convolution, grad)
    torch.set_num_threads(threads)
    out, of_x, *of_weights = with_gradients(convolution(x), x, convolution, grad)
    assert torch.equal(out, alone[0]) and torch.equal(of_x, alone[1])
    assert all(torch.allclose(*pair, atol=1e-3) for pair in zip(of_weights, alone[2:], strict=True))


@needs_it
def test_states_may_lie_anywhere_and_are_left_alone():
    torch.manual_seed(1)
    convolution = made(7, 3, "cpp")
    x, grad = torch.randn(2, 7, 11).mT.requires_grad_(), torch.randn(7).expand(2, 11, 7)
    before = x.detach().clone()
    found = with_gradients(convolution(x), x, convolution, grad)
    there = before.contiguous().requires_grad_()
    wanted = with_gradients(convolution(there), there, convolution, grad.contiguous())
    assert torch.equal(x, before)
    assert all(torch.equal(*pair) for pair in zip(found, wanted, strict=True))


@needs_it
def test_numbers_of_other_types_are_left_to_pytorch(monkeypatch):
    torch.manual_seed(1)
    convolution = made(7, 3, "cpp")
    conv2d, seen = torch.nn.functional.conv2d, []

    def seen_conv2d(*given, **more) -> Tensor:
        seen.append(conv2d(*given, **more))
        return seen[-1]

    monkeypatch.setattr(torch.nn.functional, "conv2d", seen_conv2d)
    x = torch.randn(2, 11, 7)
    assert convolution.double()(x.double()).dtype == torch.float64 and len(seen) == 1
    out = convolution.float()(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(convolution(x), out), "C++ rounds nothing"
    assert len(seen) == 1


def test_gradients_of_the_taps_lie_as_the_taps_do():
    for kernels in ("aten", "cpp"):
        convolution = made(7, 3, kernels)
        convolution(torch.randn(2, 11, 7)).sum().backward()
        for weight in convolution.parameters():
            assert weight.grad is not None and weight.grad.stride() == weight.stride()
