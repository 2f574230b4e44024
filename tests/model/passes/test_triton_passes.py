"""Norms, convolutions and rotations in Triton, run by its interpreter, are those of float64; where they are taken."""

import sys
from functools import partial

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from genolong.model.compilers import triton
from genolong.model.encoder import Encoder
from genolong.model.norm import Norm
from genolong.model.passes import triton_passes
from genolong.model.passes.chosen_passes import passes_for
from genolong.model.passes.native_passes import NativePasses
from genolong.model.passes.triton_passes import TritonPasses
from genolong.model.rotary import rotate, rotation, turn
from tests.builders.interpreted import interpreted
from tests.builders.models import encoder_settings
from tests.model.attention.test_triton_attention import compiled_for_gpus
from tests.model.passes.test_native_passes import norm_of
from tests.model.passes.test_native_passes import with_gradients as norm_with_gradients
from tests.model.test_convolution import close, gradients_of_a_part_are_those_of_a_walk, made, walked, with_gradients
from tests.model.test_norm import its_backward_pass_adds_to_gradients_that_are_there, shapes

pytest.importorskip("triton")
NARROW = {torch.float32: 1e-6, torch.float16: 2**-10, torch.bfloat16: 2**-7}  # the interpreter cuts bits off
SEEDS = st.integers(0, 2**31)


@pytest.fixture(autouse=True)
def interpreter():
    """With tiles so small that there are several, and programs that go through several of them."""
    tiles = {"TILE": 128, "NEAR_TILE": (128, 16), "TAPS_TILE": {"DEEP": 4, "TALL": 8, "BROAD": 16}, "PROGRAMS": 3}
    with interpreted(), pytest.MonkeyPatch.context() as patch:
        for name, value in tiles.items():
            patch.setattr(triton_passes, name, value)
        yield


@given(st.lists(st.integers(1, 7), min_size=1, max_size=3), st.integers(1, 67), SEEDS)
@settings(max_examples=30)
def test_norms_are_those_of_float64(positions, width, seed):
    torch.manual_seed(seed)
    weight, x, grad = torch.randn(width), torch.randn(*positions, width), torch.randn(*positions, width)
    found = norm_with_gradients(norm_of(weight, "triton"), x.requires_grad_(), grad)
    exact = nn.RMSNorm(width, eps=torch.finfo(torch.float32).eps).double()
    exact.load_state_dict({"weight": weight})
    wanted = norm_with_gradients(exact, x.detach().double().requires_grad_(), grad.double())
    shrink = x.detach().square().mean(-1, keepdim=True).rsqrt()
    summed = grad * weight * shrink, grad * x.detach() * shrink  # what may cancel in the gradients
    for got, right, size in zip(found, wanted, (wanted[0].detach(), *summed), strict=True):
        assert torch.allclose(got.double(), right, rtol=1e-5, atol=2e-5 * float(size.abs().max()))


@pytest.mark.parametrize("enabled", [False, True])
@given(shape=shapes, seed=SEEDS)
@settings(max_examples=15)
def test_a_norms_gradient_is_added_to_what_is_there(enabled, shape, seed):
    its_backward_pass_adds_to_gradients_that_are_there("triton", enabled=enabled, shape=shape, seed=seed)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_norms_are_written_rounded_and_their_gradients_read_so(dtype):
    torch.manual_seed(1)
    norm, x = norm_of(torch.randn(37), "triton"), torch.randn(5, 11, 37, requires_grad=True)
    grad = torch.randn(5, 11, 37).to(dtype)
    with torch.autocast("cpu", dtype=dtype):
        out = norm.rounded(x)
        assert norm(x).dtype == torch.float32
    assert out.dtype == dtype and torch.allclose(out.float(), norm(x), rtol=NARROW[dtype], atol=1e-7)
    found = torch.autograd.grad(out, [x, norm.weight], grad)
    wanted = torch.autograd.grad(norm(x), [x, norm.weight], grad.float())
    assert all(torch.equal(*pair) for pair in zip(found, wanted, strict=True))


def test_without_autocast_or_such_kernels_nothing_is_rounded():
    torch.manual_seed(1)
    x, weight = torch.randn(5, 7), torch.randn(7)
    for kernels in ("triton", "cpp", "aten"):
        norm = norm_of(weight, kernels)
        assert torch.equal(norm.rounded(x), norm(x))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        norm = norm_of(weight, "aten")
        assert norm.rounded(x).dtype == torch.float32 and torch.equal(norm.rounded(x), norm(x))


@pytest.mark.parametrize("scale", [0.0, 1e-12, 1e15])
def test_norms_hold_at_any_scale(scale):
    torch.manual_seed(1)
    weight, x, grad = torch.randn(11), (scale * torch.randn(5, 11)).requires_grad_(), torch.randn(5, 11)
    found, wanted = (norm_with_gradients(norm_of(weight, kernels), x, grad) for kernels in ("triton", "aten"))
    for got, right in zip(found, wanted, strict=True):
        assert torch.allclose(got, right, rtol=1e-4, atol=1e-5 * float(right.detach().abs().max()))


@given(
    st.integers(1, 3), st.integers(1, 61), st.integers(1, 43), st.sampled_from([1, 3, 9]), st.booleans(), SEEDS
)  # fmt: skip
@example(batch=3, length=2, width=5, kernel=9, autocast=False, seed=0)  # shorter than the reach
@example(batch=2, length=29, width=17, kernel=19, autocast=True, seed=0)
@settings(max_examples=8)
def test_the_convolution_is_what_a_walk_over_positions_and_taps_finds(batch, length, width, kernel, autocast, seed):
    torch.manual_seed(seed)
    convolution = made(width, kernel, "triton")
    x, grad = torch.randn(batch, length, width, requires_grad=True), torch.randn(batch, length, width)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        found = with_gradients(convolution(x), x, convolution, grad)
    wide, exact, out = walked(convolution, x)
    assert close(found, with_gradients(out, wide, exact, grad.double()))


@given(st.integers(1, 3), st.integers(1, 47), st.integers(1, 29), st.integers(0, 5), SEEDS)
@settings(max_examples=8)
def test_gradients_of_a_part_of_it_are_those_of_a_walk(batch, length, width, reach, seed):
    gradients_of_a_part_are_those_of_a_walk("triton", batch, length, width, reach, 1, seed)


@pytest.mark.nightly
@given(st.integers(1, 3), st.integers(1, 211), st.integers(1, 157), st.integers(0, 12), SEEDS)
@settings(max_examples=8)
def test_kernels_with_the_tiles_of_a_gpu_agree_with_a_walk_in_float64(batch, length, width, reach, seed):
    torch.manual_seed(seed)
    convolution = made(width, 2 * reach + 1, "triton")
    x, grad = torch.randn(batch, length, width, requires_grad=True), torch.randn(batch, length, width)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in GPUS_TILES.items():
            patch.setattr(triton_passes, name, value)
        found = with_gradients(convolution(x), x, convolution, grad)
    wide, exact, out = walked(convolution, x)
    assert close(found, with_gradients(out, wide, exact, grad.double()))


GPUS_TILES = {name: getattr(triton_passes, name) for name in ("TILE", "NEAR_TILE", "TAPS_TILE")}


def test_states_may_lie_anywhere_and_are_left_alone():
    torch.manual_seed(1)
    convolution = made(7, 3, "triton")
    x, grad = torch.randn(2, 7, 11).mT.requires_grad_(), torch.randn(7).expand(2, 11, 7)
    before = x.detach().clone()
    there = before.contiguous().requires_grad_()
    for run in (convolution, convolution.norm):
        found, wanted = (
            torch.autograd.grad(run(states), [states, convolution.norm.weight], above)
            for states, above in ((x, grad), (there, grad.contiguous()))
        )
        assert all(torch.equal(*pair) for pair in zip(found, wanted, strict=True))
    assert torch.equal(x, before)


def test_a_number_that_is_none_is_not_hidden():
    convolution, x = made(5, 3, "triton"), torch.ones(2, 7, 5)
    x[1, 2, 3] = float("nan")
    none = convolution.norm(x).isnan()
    assert none[1, 2].all() and none.sum() == 5
    none = convolution(x).isnan()
    assert none[1, 1:4].all() and none.sum() == 15, "itself and its neighbours"


def test_the_same_bits_come_every_time():
    torch.manual_seed(1)
    convolution = made(23, 9, "triton")
    x, grad = torch.randn(2, 53, 23, requires_grad=True), torch.randn(2, 53, 23)
    one, other = (with_gradients(convolution(x), x, convolution, grad) for _ in range(2))
    assert all(torch.equal(*pair) for pair in zip(one, other, strict=True))


def test_gradients_of_the_taps_lie_as_the_taps_do():
    convolution = made(7, 3, "triton")
    convolution(torch.randn(2, 11, 7)).sum().backward()
    for weight in convolution.parameters():
        assert weight.grad is not None and weight.grad.stride() == weight.stride()


@given(
    st.integers(1, 3), st.integers(1, 31), st.integers(1, 5), st.integers(1, 19), st.integers(0, 9),
    st.sampled_from(list(NARROW)),
)  # fmt: skip
@settings(max_examples=12)
def test_rows_are_turned_as_in_float64(batch, length, heads, half, start, dtype):
    torch.manual_seed(length)
    rows, grad = torch.randn(2, batch, length, 3, heads, 2 * half).to(dtype)
    by, results = rotation(start, length, 2 * half, 1e4, torch.zeros(()), "triton"), []
    for each, angles in ((rows, by), (rows.double(), by._replace(kernels="aten"))):
        each.requires_grad_()
        out = rotate(each, angles)
        results.append([out, *torch.autograd.grad(out, each, grad.to(out))])
    for found, wanted in zip(*results, strict=True):
        assert found.dtype == dtype
        assert torch.allclose(found.double(), wanted, rtol=NARROW[dtype], atol=1e-6)
    assert torch.equal(results[0][0][:, :, 2], rows[:, :, 2])


@pytest.mark.parametrize("across", [False, True])
def test_rows_may_lie_anywhere_and_nothing_beside_them_is_written(across):
    rows = torch.randn(2, 23, 3, 5, 8).bfloat16()
    rows = rows.mT.contiguous().mT if across else rows
    by = rotation(3, 17, 8, 1e4, torch.zeros(()), "triton").stretch(4, 11)
    place = torch.full((2, 31, 3, 5, 8), 7.0).bfloat16()
    turn(rows[:, 3:14], by, place[:, 9:20])
    wanted = rotate(rows[:, 3:14].double(), by._replace(kernels="aten"))
    assert torch.allclose(place[:, 9:20].double(), wanted, rtol=2**-5 if across else 2**-7, atol=2**-6 if across else 0)
    assert (place[:, :9] == 7).all() and (place[:, 20:] == 7).all()


@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")  # numpy's, of the interpreter
def test_values_are_copied_as_they_are():
    rows = torch.full((1, 2, 3, 1, 4), float("inf"))
    assert torch.equal(rotate(rows, rotation(0, 2, 4, 1e4, rows, "triton"))[:, :, 2], rows[:, :, 2])


@pytest.mark.parametrize("checkpoint_blocks", [0, 2])  # blocks run whole, and in little memory
def test_an_encoder_under_autocast_stays_within_its_rounding(checkpoint_blocks, monkeypatch):
    torch.manual_seed(3)
    encoder = Encoder(encoder_settings(layers=1), checkpoint_blocks)
    codes, found, rounded = torch.randint(0, 6, (1, 37), dtype=torch.uint8), [], []
    norm = TritonPasses.norm

    def seen_norm(self, x, weight, tiny, dtype=torch.float32):
        rounded.append(dtype)
        return norm(self, x, weight, tiny, dtype)

    monkeypatch.setattr(TritonPasses, "norm", seen_norm)
    for kernels, enabled in (("triton", True), ("aten", False)):
        encoder.kernels = kernels
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            states = encoder(codes)
        assert states.dtype == torch.float32
        grads = torch.autograd.grad(states.square().sum() + states.sum(), list(encoder.parameters()))
        found.append([states.detach(), *grads])
    for one, other in zip(*found, strict=True):
        assert (one - other).norm() <= 2**-5 * other.norm()
    assert torch.bfloat16 in rounded, "products read what was rounded at once"


def test_an_encoder_under_autocast_runs_whole_as_in_little_memory():
    torch.manual_seed(3)
    whole, codes, found = Encoder(encoder_settings(layers=1)), torch.randint(0, 6, (1, 37), dtype=torch.uint8), []
    lean = Encoder(encoder_settings(layers=1), 2)
    lean.load_state_dict(whole.state_dict())
    for encoder in (whole, lean):
        encoder.kernels = "triton"
        with torch.autocast("cpu", dtype=torch.bfloat16):
            states = encoder(codes)
        grads = torch.autograd.grad(states.square().sum() + states.sum(), list(encoder.parameters()))
        found.append([states.detach(), *grads])
    for one, other in zip(*found, strict=True):
        assert (one - other).norm() <= 2**-6 * other.norm()


def test_what_they_are_not_made_for_and_other_kernels_are_left_to_others():
    x = torch.zeros(3, 5)
    assert all(isinstance(passes_for(x, kernels), TritonPasses) for kernels in ("triton", "flash"))
    assert isinstance(passes_for(x, "cpp"), NativePasses | None) and passes_for(x, "aten") is None
    assert passes_for(x.double(), "triton") is None
    assert passes_for(torch.empty(2, triton_passes.WIDEST + 1), "triton") is None
    assert passes_for(torch.empty(1, 1).expand(triton_passes.MOST_ROWS, 1), "triton") is None
    assert passes_for(torch.empty(3, 5, device="meta"), "triton") is None


def test_weights_of_another_type_than_states_are_left_to_pytorch():
    torch.manual_seed(1)
    x, norm = torch.randn(2, 11, 7), norm_of(torch.randn(7), "triton")
    assert norm.double().passes(x) is None
    assert torch.equal(norm(x.double()), norm_of(norm.weight.detach(), "aten")(x.double()))
    convolution = made(7, 3, "triton")
    convolution.taps.double()
    assert isinstance(convolution.norm.passes(x), TritonPasses) and convolution._passes(x) is None


def test_where_triton_cannot_run_pytorch_does(monkeypatch):
    monkeypatch.setattr(triton, "interpreted", lambda: False)
    assert passes_for(torch.zeros(3), "triton") is None
    x, weight = torch.randn(5, 7), torch.randn(7)
    assert torch.equal(norm_of(weight, "triton")(x), norm_of(weight, "aten")(x))


def test_no_states_are_normed_and_turned_into_none():
    convolution, x = made(5, 3, "triton"), torch.zeros(2, 0, 5, requires_grad=True)
    out, of_x, *of_weights = with_gradients(convolution(x), x, convolution, torch.zeros(2, 0, 5))
    assert out.shape == of_x.shape == (2, 0, 5) and not any(weight.any() for weight in of_weights)
    assert Norm.rounded(convolution.norm, x).shape == (2, 0, 5)


nightly = partial(pytest.param, marks=pytest.mark.nightly)


@pytest.mark.skipif(sys.platform != "linux", reason="Triton compiles on Linux")
@pytest.mark.parametrize(
    ("numbers", "width", "capability"),
    [
        ("bf16", 512, 90),
        *(nightly("bf16", *rest) for rest in ((512, 80), (1024, 90), (1024, 80), (88, 80), (4096, 90), (512, 100))),
        *(nightly(*rest) for rest in (("fp16", 512, 89), ("fp32", 512, 80), ("fp32", 1024, 90), ("fp32", 24, 86))),
    ],
)
def test_kernels_compile_for_gpus_and_keep_to_their_registers(numbers, width, capability, tmp_path):
    made = compiled_for_gpus(tmp_path, "passes", numbers, width, capability)
    assert len(made) == 7
    for one in made:
        assert not one["spilled"] and one["shared"] <= 48 << 10
        stays = one["kernel"].endswith(("_backward", "_taps")) and width <= 1024  # and goes through all rows
        assert one["registers"] <= 128 or not stays, "four programs of 128 threads on a multiprocessor at once"
