"""Operations are counted as they happen, and pairs as a walk over all positions finds them."""

import pytest

from genolong.model import lean_block, recompute
from genolong.model.attention.geometry import Branch
from genolong.model.costs.flops import attention_pairs, flops
from genolong.parallel.slices import slice_bounds
from tests.builders.steps import model, step, take
from tests.oracles.counted_flops import CountedFlops


@pytest.mark.parametrize("held_bytes", [1, lean_block.HELD_BYTES["cpu"]])  # two heads at a time, and all of them
@pytest.mark.parametrize("checkpoint_blocks", [0, 1, 2, 3])
@pytest.mark.parametrize(
    "encoder",
    [{}, {"kernel": 0}, {"mlp": "swiglu"}, {"dropout": 0.1}, {"layers": 5}, {"segment": 5, "growth": 3, "heads": 2}],
    ids=str,
)
def test_operations_are_those_that_happen(encoder, checkpoint_blocks, held_bytes, monkeypatch):
    monkeypatch.setitem(lean_block.HELD_BYTES, "cpu", held_bytes)
    monkeypatch.setitem(recompute.STRETCH_BYTES, "cpu", 37 * 4 * 2 * 12)
    taken = step({"layers": 3, **encoder}, checkpoint_blocks=checkpoint_blocks)
    made = model(taken)
    with CountedFlops() as counted:
        take(taken, made)
    assert flops(taken).all == counted.total


def test_accumulated_batches_are_so_many_times_the_work():
    assert flops(step(accumulation=3)).all == 3 * flops(step()).all


def test_in_triton_the_backward_pass_makes_two_products_of_pairs_more():
    others, triton = (step(fused=True, kernels=kernels) for kernels in ("aten", "triton"))
    pairs = sum(attention_pairs((0, 101), 0, branch, 3) for branch in triton.branches)
    more = triton.encoder.layers * 4 * triton.batch * pairs * 12 // 3
    assert flops(triton) == flops(others)._replace(backward=flops(others).backward + more)


def test_only_by_pytorch_a_convolution_is_run_again_for_its_gradient():
    by_pytorch, in_cpp = (flops(step(kernels=kernels, checkpoint_blocks=1)) for kernels in ("aten", "cpp"))
    taken = step()
    saved = by_pytorch.recomputation - in_cpp.recomputation
    once = 2 * taken.encoder.layers * taken.encoder.kernel * taken.encoder.width * taken.batch * taken.window_bp
    assert once <= saved <= 1.5 * once and by_pytorch[:2] == in_cpp[:2]


def pairs_walked(length: int, begin: int, end: int, branch: Branch, heads: int) -> int:
    pairs = 0
    for head in range(heads):
        offset = head * branch.dilation // heads
        reached = [at for at in range(length) if at % branch.segment % branch.dilation == offset]
        pairs += sum(
            own // branch.segment == other // branch.segment
            for own in reached
            if begin <= own < end
            for other in reached
        )
    return pairs


@pytest.mark.parametrize("branch", [Branch(8, 1), Branch(16, 2), Branch(30, 3), Branch(64, 7), Branch(97, 5)], ids=str)
@pytest.mark.parametrize("processes", [1, 2, 3, 5])
@pytest.mark.parametrize("heads", [3, 4])
def test_pairs_are_those_of_a_walk_over_all_positions(branch, processes, heads):
    bounds = slice_bounds(97, processes)
    for process in range(processes):
        found = attention_pairs(bounds, process, branch, heads)
        assert found == pairs_walked(97, bounds[process], bounds[process + 1], branch, heads)


def test_a_process_without_positions_has_no_pairs():
    assert attention_pairs((0, 2, 2), 1, Branch(2, 1), 3) == 0


def test_slices_share_out_the_work():
    whole, parts = flops(step(window_bp=4096)), flops(step(window_bp=4096, sequence=4, devices=4))
    assert parts.all == pytest.approx(whole.all / 4, rel=0.02)
