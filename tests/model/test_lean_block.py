"""A block run a few heads and a stretch at a time gives the numbers and the gradients of the block run whole."""

from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from genolong.model import lean_block, recompute
from genolong.model.attention.native_attention import why_not
from genolong.model.encoder import Block, Site
from genolong.model.norm import choose_kernels
from genolong.model.rotary import rotation
from genolong.model.spare import Spare
from genolong.parallel.shard import SequenceShard
from tests.builders.models import encoder_settings

LENGTH, WIDTH, HEADS = 41, 30, 5
needs_cpp = pytest.mark.skipif(bool(why_not(6)), reason=why_not(6))


def block_at(dtype=torch.float64, *, kernels: str = "aten", **changes) -> tuple[Block, Site]:
    torch.manual_seed(1)
    settings = encoder_settings(width=WIDTH, heads=HEADS, segments=[8, 31, 41], dilations=[1, 2, 7], **changes)
    block = Block(settings).double()
    with torch.no_grad():
        for weight in block.parameters():
            weight += 0.1 * torch.randn_like(weight)
    block.to(dtype)
    like = torch.zeros((), dtype=dtype)
    turn = rotation(0, LENGTH, WIDTH // HEADS, settings.rotary_base, like, kernels)
    choose_kernels(block, kernels)
    return block, Site(turn, settings.branches(LENGTH), SequenceShard.whole(LENGTH), kernels, Spare())


def states_and_grad(dtype=torch.float64) -> tuple[Tensor, Tensor]:
    torch.manual_seed(2)
    return torch.randn(2, LENGTH, WIDTH, dtype=dtype, requires_grad=True), torch.randn(2, LENGTH, WIDTH, dtype=dtype)


def in_stretches(of: int, monkeypatch) -> None:
    monkeypatch.setitem(recompute.STRETCH_BYTES, "cpu", of * 4 * 2 * WIDTH)


@pytest.mark.parametrize("at_once", [1, 2, 5, 7])
@pytest.mark.parametrize("positions", [0, 1, 7, 64])
@pytest.mark.parametrize("changes", [{"kernel": 0}, {"kernel": 1}, {"kernel": 7}, {"mlp": "swiglu"}], ids=str)
def test_it_changes_no_number(changes, positions, at_once, monkeypatch):
    monkeypatch.setattr(lean_block, "heads_at_once", lambda *_: at_once)
    in_stretches(positions, monkeypatch)
    block, site = block_at(**changes)
    states, grad = states_and_grad()
    outs = block(states, site), block.lean(states, site)
    assert torch.allclose(*outs, atol=1e-12)
    of = [states, *block.parameters()]
    wanted, found = (torch.autograd.grad(out, of, grad) for out in outs)
    for got, right in zip(found, wanted, strict=True):
        assert torch.allclose(got, right, atol=1e-10)


@needs_cpp
@pytest.mark.parametrize("at_once", [2, 5])
def test_in_cpp_gradients_take_the_place_of_outputs(at_once, monkeypatch):
    monkeypatch.setattr(lean_block, "heads_at_once", lambda *_: at_once)
    in_stretches(7, monkeypatch)
    exact, exact_site = block_at()
    block, site = block_at(torch.float32, kernels="cpp")
    states, grad = states_and_grad()
    wanted = torch.autograd.grad(exact(states, exact_site), [states, *exact.parameters()], grad)
    single = states.detach().float().requires_grad_()
    out = block.lean(single, site)
    found = torch.autograd.grad(out, [single, *block.parameters()], grad.float(), retain_graph=True)
    for got, right in zip(found, wanted, strict=True):
        assert float((got - right).abs().max() / right.abs().max()) < 1e-5
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(out, single, grad.float())


@pytest.mark.parametrize("kernels", ["aten", pytest.param("cpp", marks=needs_cpp)])
def test_the_input_and_the_outputs_are_kept_and_no_more(kernels):
    block, site = block_at(torch.float32, kernels=kernels)
    kept = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    states, _ = states_and_grad(torch.float32)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        block.lean(states, site)
    long = [tensor for tensor in kept if LENGTH in tensor.shape]
    held = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in long}
    assert sum(held.values()) == 4 * (2 * LENGTH * (WIDTH + WIDTH + HEADS) + 1)  # and a zero in place of rows


def test_the_gradient_that_comes_back_is_read_and_not_written():
    block, site = block_at(kernel=0)
    states, grad = states_and_grad()
    before = grad.clone()
    torch.autograd.grad(block.lean(states, site), states, grad)
    assert torch.equal(grad, before)


def test_within_a_chain_its_place_is_used():
    block, site = block_at()
    states, grad = states_and_grad()
    wanted = torch.autograd.grad(block(states, site), states, grad)[0]
    found = torch.autograd.grad(block.lean(states, site, within=True), states, grad)[0]
    assert found.data_ptr() == grad.data_ptr()
    assert torch.allclose(found, wanted, atol=1e-10)


def test_run_again_it_keeps_what_it_kept_and_leaves_the_end_out(monkeypatch):
    block, site = block_at()
    states, grad = states_and_grad()
    wanted = torch.autograd.grad(block(states, site), [states, *block.parameters()], grad)
    monkeypatch.setattr(block.mlp, "inner", partial(_counted, block.mlp.inner, ran := []))
    again = block.lean(states, site, again=True)
    assert not ran
    for got, right in zip(torch.autograd.grad(again, [states, *block.parameters()], grad), wanted, strict=True):
        assert torch.allclose(got, right, atol=1e-10)


def _counted(function, ran: list, *inputs):
    ran.append(1)
    return function(*inputs)


def test_mixed_precision_is_in_force_again_in_the_backward_pass():
    block, site = block_at(torch.float32)
    states, grad = states_and_grad(torch.float32)
    grads = []
    for run in (block, block.lean):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = run(states, site)
        assert out.dtype == torch.float32, "as the states are"
        grads.append(torch.autograd.grad(out, [states, *block.parameters()], grad))
    for wanted, found in zip(*grads, strict=True):
        assert found.dtype == torch.float32
        assert torch.allclose(found, wanted, rtol=0.05, atol=0.05 * float(wanted.abs().max()))


@given(st.integers(1, 17), st.integers(1, 64), st.integers(1, 5), st.integers(1, 1 << 24), st.sampled_from([2, 4]))
def test_as_many_heads_as_may_be_held_are_attended_together(heads, width, batch, length, number):
    at_once = lean_block.heads_at_once(heads, width, batch, length, number, "cpu")
    sizes = [min(at_once, heads - first) for first in range(0, heads, at_once)]
    held = 3 * number * width * batch * length
    assert 1 <= at_once <= heads
    assert at_once <= 2 or at_once * held <= lean_block.HELD_BYTES["cpu"]
    fewest = -(-heads // max(2, lean_block.HELD_BYTES["cpu"] // held))
    assert len(sizes) == fewest


def test_within_a_chain_a_gradient_that_is_spread_out_is_not_written_to():
    block, site = block_at()
    states, _ = states_and_grad()
    wanted = torch.autograd.grad(block(states, site).sum(), states)[0]
    found = torch.autograd.grad(block.lean(states, site, within=True).sum(), states)[0]
    assert torch.allclose(found, wanted, atol=1e-10)
