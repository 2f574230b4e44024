"""Norms and rotations in C++ are PyTorch's, on any number of threads, and nobody needs a compiler."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from genolong.model.compilers import cpp
from genolong.model.compilers.cpp import lanes
from genolong.model.convolution import Convolution
from genolong.model.norm import Norm
from genolong.model.passes import native_passes
from genolong.model.rotary import rotate, rotation, turn

needs_it = pytest.mark.skipif(
    native_passes.native_passes(torch.zeros(1)) is None, reason="C++ cannot be compiled on this machine"
)


@pytest.fixture(autouse=True)
def one_thread():
    yield
    torch.set_num_threads(1)


def norm_of(weight: torch.Tensor, kernels: str = "cpp") -> Norm:
    norm = Norm(len(weight)).to(weight.dtype)
    norm.load_state_dict({"weight": weight})
    norm.kernels = kernels
    return norm


def with_gradients(norm: nn.Module, x: torch.Tensor, grad: torch.Tensor) -> list[torch.Tensor]:
    out = norm(x)
    return [out, *torch.autograd.grad(out, [x, *norm.parameters()], grad)]


@needs_it
@given(
    st.lists(st.integers(1, 7), min_size=1, max_size=3), st.integers(1, 67), st.integers(1, 5), st.integers(0, 2**31)
)
def test_norms_are_those_of_float64(positions, width, threads, seed):
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    weight, x, grad = torch.randn(width), torch.randn(*positions, width), torch.randn(*positions, width)
    found = with_gradients(norm_of(weight), x.requires_grad_(), grad)
    exact = nn.RMSNorm(width, eps=torch.finfo(torch.float32).eps).double()
    exact.load_state_dict({"weight": weight})
    wanted = with_gradients(exact, x.detach().double().requires_grad_(), grad.double())
    shrink = x.detach().square().mean(-1, keepdim=True).rsqrt()
    summed = grad * weight * shrink, grad * x.detach() * shrink  # what may cancel in the gradients
    for got, right, size in zip(found, wanted, (wanted[0].detach(), *summed), strict=True):
        assert torch.allclose(got.double(), right, rtol=1e-5, atol=2e-5 * float(size.abs().max()))


@needs_it
@pytest.mark.parametrize("threads", [2, 3])
def test_threads_share_positions_and_change_no_state(threads):
    torch.manual_seed(1)
    weight, x, grad = torch.randn(13), torch.randn(2, 211, 13, requires_grad=True), torch.randn(2, 211, 13)
    rows, by = torch.randn(2, 211, 3, 5, 6), rotation(3, 211, 6, 1e4, x, "cpp")
    alone, turned = with_gradients(norm_of(weight), x, grad), rotate(rows, by)
    torch.set_num_threads(threads)
    out, of_x, of_weight = with_gradients(norm_of(weight), x, grad)
    assert torch.equal(out, alone[0]) and torch.equal(of_x, alone[1]) and torch.equal(rotate(rows, by), turned)
    assert torch.allclose(of_weight, alone[2], atol=1e-4)


@needs_it
@given(st.integers(1, 9), st.integers(1, 67), st.integers(1, 3), st.integers(0, 2**31))
def test_what_a_product_reads_is_rounded_at_once(positions, width, threads, seed):
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    norm, x = norm_of(torch.randn(width)), (100 * torch.randn(2, positions, width)).requires_grad_()
    grad = torch.randn(2, positions, width).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = norm.rounded(x)
        assert norm(x).dtype == torch.float32, "what no product reads is not"
    found = torch.autograd.grad(out, [x, norm.weight], grad)
    plain, *wanted = with_gradients(norm, x, grad.float())
    assert torch.equal(out, plain.bfloat16())
    for got, right in zip(found, wanted, strict=True):
        assert torch.allclose(got, right, rtol=1e-4, atol=1e-5 * float(right.abs().max()))


@needs_it
def test_numbers_of_other_16_bits_are_left_to_autocast():
    norm, x = norm_of(torch.ones(64)), torch.randn(7, 64, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.float16):
        out = norm.rounded(x)
    assert out.dtype == torch.float32 and torch.equal(out, norm(x))


@needs_it
def test_numbers_that_are_none_and_infinite_ones_stay_what_they_are_in_16_bits():
    rows = torch.tensor([float("nan"), float("inf"), -float("inf"), 3.4e38, 1e-40, -0.0] * 2).view(1, 1, 1, 1, 12)
    rows = rows.expand(1, 1, 3, 1, 12)
    out = torch.empty(rows.shape, dtype=torch.bfloat16)
    turn(rows.bfloat16(), rotation(0, 1, 12, 1e4, rows, "cpp"), out)
    assert torch.equal(out[:, :, 2].isnan(), rows[:, :, 2].isnan())
    assert torch.equal(out[:, :, 2].nan_to_num(), rows[:, :, 2].bfloat16().nan_to_num())


@needs_it
@pytest.mark.parametrize("scale", [0.0, 1e-12, 1e15])
def test_norms_hold_at_any_scale(scale):
    torch.manual_seed(1)
    weight, x, grad = torch.randn(11), (scale * torch.randn(5, 11)).requires_grad_(), torch.randn(5, 11)
    found, wanted = (with_gradients(norm_of(weight, kernels), x, grad) for kernels in ("cpp", "aten"))
    for got, right in zip(found, wanted, strict=True):
        assert torch.allclose(got, right, rtol=1e-4, atol=1e-5 * float(right.detach().abs().max()))


@needs_it
def test_states_may_lie_anywhere_and_are_left_alone():
    torch.manual_seed(1)
    x, grad = torch.randn(2, 11, 7).mT.requires_grad_(), torch.randn(7).expand(2, 11, 7).mT
    before, weight = x.detach().clone(), torch.randn(11)
    found, wanted = (with_gradients(norm_of(weight, kernels), x, grad) for kernels in ("cpp", "aten"))
    assert torch.equal(x, before)
    for got, right in zip(found, wanted, strict=True):
        assert torch.allclose(got, right, atol=1e-5)


@needs_it
def test_a_number_that_is_none_is_not_hidden():
    x = torch.ones(3, 5)
    x[1, 2] = float("nan")
    out = norm_of(torch.ones(5))(x)
    assert out[1].isnan().all() and not out[[0, 2]].isnan().any()


@needs_it
@given(
    st.integers(1, 3), st.integers(1, 90), st.integers(1, 5), st.integers(1, 19), st.integers(1, 3), st.integers(0, 9)
)
def test_rows_are_turned_as_pytorch_turns_them(batch, length, heads, half, threads, start):
    torch.manual_seed(length)
    torch.set_num_threads(threads)
    rows = torch.randn(batch, length, 3, heads, 2 * half, requires_grad=True)
    grad = torch.randn(rows.shape)
    found, wanted = (rotate(rows, rotation(start, length, 2 * half, 1e4, rows, kernels)) for kernels in ("cpp", "aten"))
    assert torch.allclose(found, wanted, atol=1e-6) and torch.equal(found[:, :, 2], rows[:, :, 2])
    assert torch.allclose(
        torch.autograd.grad(found, rows, grad)[0], torch.autograd.grad(wanted, rows, grad)[0], atol=1e-6
    )


@needs_it
@given(st.integers(1, 90), st.integers(1, 5), st.integers(1, 19), st.integers(1, 3))
def test_16_bit_rows_are_turned_in_32_bits_and_rounded(length, heads, half, threads):
    torch.manual_seed(length)
    torch.set_num_threads(threads)
    rows = torch.randn(2, length, 3, heads, 2 * half).bfloat16().requires_grad_()
    by = rotation(5, length, 2 * half, 1e4, rows.float(), "cpp")
    turned, slack = rotate(rows, by), 1e-6 if lanes() == 4 else 0.0  # on ARM compilers fuse either product with the sum
    for found, wanted in (
        (turned, rotate(rows.float(), by)),
        (torch.autograd.grad(turned, rows, rows)[0], rotate(rows.float(), by.back())),
    ):
        assert found.dtype == torch.bfloat16
        assert ((wanted - slack).bfloat16() <= found).all() and (found <= (wanted + slack).bfloat16()).all()


@needs_it
@pytest.mark.parametrize("across", [False, True])
def test_rows_may_lie_anywhere_and_nothing_beside_them_is_written(across):
    rows = torch.randn(2, 23, 3, 5, 8)
    rows = rows.mT.contiguous().mT if across else rows
    by = rotation(7, 11, 8, 1e4, rows, "cpp")
    place = torch.full((2, 31, 3, 5, 8), 7.0)
    turn(rows[:, 3:14], by, place[:, 9:20])
    assert torch.allclose(place[:, 9:20], rotate(rows[:, 3:14], by._replace(kernels="aten")), atol=1e-6)
    assert (place[:, :9] == 7).all() and (place[:, 20:] == 7).all()


def convolved(kernels: str, x: torch.Tensor) -> torch.Tensor:
    torch.manual_seed(3)
    convolution = Convolution(8, 3)
    convolution.norm.kernels = kernels
    return convolution(x)


def turned(kernels: str, rows: torch.Tensor, positions: int, out: torch.Tensor) -> torch.Tensor:
    turn(rows, rotation(0, positions, rows.shape[-1], 1e4, torch.zeros(1), kernels), out)
    return out


ROWS = torch.arange(5 * 3 * 2 * 4.0).view(1, 5, 3, 2, 4).sin()
UNFIT = {
    "states wider than the weight": lambda kernels: norm_of(torch.ones(8), kernels)(torch.ones(5, 16)),
    "states narrower than the weight": lambda kernels: norm_of(torch.ones(16), kernels)(torch.ones(5, 8)),
    "no states": lambda kernels: norm_of(torch.ones(8), kernels)(torch.ones(0, 8)),
    "states without a batch": lambda kernels: convolved(kernels, torch.ones(5, 8)),
    "states wider than the taps": lambda kernels: convolved(kernels, torch.ones(2, 5, 16)),
    "fewer angles than positions": lambda kernels: turned(kernels, ROWS, 3, torch.empty_like(ROWS)),
    "rows of another type": lambda kernels: turned(kernels, ROWS, 5, ROWS.bfloat16()),
    "fewer rows than there are": lambda kernels: turned(kernels, ROWS, 5, torch.empty(1, 2, 3, 2, 4)),
    "an odd width": lambda kernels: turned(kernels, ROWS[..., :3], 5, torch.empty(1, 5, 3, 2, 3)),
    "stand-ins": lambda kernels: norm_of(torch.ones(8), kernels)(FakeTensorMode().from_tensor(torch.ones(5, 8))),
}


@pytest.mark.parametrize("what", UNFIT)
def test_what_would_be_read_or_written_out_of_its_bounds_is_left_to_pytorch(what: str):
    """C++ asks no questions: it read and wrote memory of others."""
    ends = []
    for kernels in ("aten", "cpp"):
        try:
            found = UNFIT[what](kernels)
            ends.append((tuple(found.shape), found.dtype, "" if what == "stand-ins" else repr(found.tolist())))
        except Exception as error:
            ends.append(type(error))
    assert ends[0] == ends[1]


def test_what_they_are_not_made_for_and_machines_without_a_compiler_are_left_to_pytorch(monkeypatch, tmp_path):
    assert native_passes.native_passes(torch.zeros(3, dtype=torch.float64)) is None
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CXX", "no-such-compiler")
    cpp.compiled.cache_clear()
    try:
        assert native_passes.native_passes(torch.zeros(3)) is None
        x, weight = torch.randn(5, 7), torch.randn(7)
        assert torch.equal(norm_of(weight)(x), norm_of(weight, "aten")(x))
        rows = torch.randn(1, 5, 3, 2, 4)
        aten, own = (rotate(rows, rotation(0, 5, 4, 1e4, rows, kernels)) for kernels in ("aten", "cpp"))
        assert torch.equal(aten, own)
    finally:
        cpp.compiled.cache_clear()
