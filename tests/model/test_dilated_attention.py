"""Dilated attention against one softmax over the multiset of keys, at any length, any geometry, any head."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genolong.model.attention import blocks, flash_kernels
from genolong.model.dilated_attention import Geometry, attend_branches, dilated_attention
from genolong.parallel.shard import SequenceShard
from tests.oracles import dilated_attention as oracle
from tests.oracles.per_branch_attention import per_branch_attention

VECTORS = Path(__file__).parents[3] / "shared/data/vectors/dilated_attention.npz"


@st.composite
def problems(draw):
    """Tensors (2, length, heads, 3) in float64 and a geometry, ragged more often than not."""
    length, heads = draw(st.integers(1, 41)), draw(st.integers(1, 7))
    branches = draw(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 17)), min_size=1, max_size=3))
    torch.manual_seed(draw(st.integers(0, 2**31)))
    rows = [torch.randn(2, length, heads, 3, dtype=torch.float64, requires_grad=True) for _ in range(4)]
    return rows, [segment for segment, _ in branches], [dilation for _, dilation in branches]


def with_gradients(function: Callable[..., torch.Tensor], rows, segments, dilations):
    """The output and the three gradients, for the fourth of `rows` as the output's gradient."""
    *inputs, grad = rows
    out = function(*inputs, segments, dilations)
    if not out.requires_grad:  # no query has a key
        return [out, *map(torch.zeros_like, inputs)]
    return [out, *torch.autograd.grad(out, inputs, grad)]


def largest_difference(found, wanted) -> float:
    return max(float((a.double() - b.double()).detach().abs().max()) for a, b in zip(found, wanted, strict=True))


@given(problems())
@settings(deadline=None, max_examples=40)
def test_output_and_gradients_are_those_of_one_softmax_over_the_multiset_of_keys(problem):
    found = with_gradients(dilated_attention, *problem)
    wanted = with_gradients(oracle.dilated_attention, *problem)
    assert largest_difference(found, wanted) <= 1e-10


@given(problems())
@settings(deadline=None, max_examples=12)
def test_small_chunks_change_nothing(problem):
    whole = with_gradients(dilated_attention, *problem)
    kept = dict(blocks.CHUNK_BYTES)
    blocks.CHUNK_BYTES["cpu"] = 1
    try:
        chunked = with_gradients(dilated_attention, *problem)
    finally:
        blocks.CHUNK_BYTES.update(kept)
    assert largest_difference(chunked, whole) <= 1e-12


@given(problems(), st.data())
@settings(deadline=None, max_examples=12)
def test_some_heads_alone_give_what_they_give_among_all(problem, data):
    (queries, keys, values, _), segments, dilations = problem
    heads = queries.shape[2]
    first = data.draw(st.integers(0, heads - 1))
    some = slice(first, data.draw(st.integers(first + 1, heads)))
    found = dilated_attention(
        queries[:, :, some],
        keys[:, :, some],
        values[:, :, some],
        segments,
        dilations,
        first_head=first,
        all_heads=heads,
    )
    among_all = dilated_attention(queries, keys, values, segments, dilations)[:, :, some]
    # not the same bits: a product of one head may be rounded otherwise than one of several
    assert largest_difference([found], [among_all]) <= 1e-12


@given(problems())
@settings(deadline=None, max_examples=12)
def test_the_plain_kernels_agree_with_the_cpu_ones(problem):
    wanted = with_gradients(dilated_attention, *problem)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flash_kernels, "_kernels", lambda _: (flash_kernels._plain, flash_kernels._plain_backward))
        found = with_gradients(dilated_attention, *problem)
    assert largest_difference(found, wanted) <= 1e-10


@pytest.mark.parametrize("case", "abc")
def test_reference_vectors(case):
    if not VECTORS.exists():
        pytest.skip("the reference vectors are not beside the project")
    stored = np.load(VECTORS)
    queries, keys, values, grad, *wanted = (
        torch.tensor(stored[f"{case}_{name}"], requires_grad=name in "qkv")
        for name in ("q", "k", "v", "dout", "out", "dq", "dk", "dv")
    )
    geometry = stored[f"{case}_segments"].tolist(), stored[f"{case}_dilations"].tolist()
    found = with_gradients(dilated_attention, [queries, keys, values, grad], *geometry)
    assert largest_difference(found, wanted) <= 1e-12


def rows_of(dtype, length=331, heads=4, width=16):
    torch.manual_seed(5)
    return [torch.randn(1, length, heads, width).to(dtype).requires_grad_() for _ in range(4)]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-5), (torch.bfloat16, 3e-2)])
def test_lower_precision_stays_within_its_rounding(dtype, tolerance):
    rows, geometry = rows_of(dtype), ([32, 128, 331], [1, 2, 4])
    exact = [tensor.detach().double().requires_grad_() for tensor in rows]
    found = with_gradients(dilated_attention, rows, *geometry)
    wanted = with_gradients(oracle.dilated_attention, exact, *geometry)
    assert all(tensor.dtype == dtype for tensor in found)
    for got, right in zip(found, wanted, strict=True):
        assert float((got.double() - right).detach().abs().max()) <= tolerance * float(
            right.detach().abs().max().clamp_min(1)
        )


def test_gradcheck():
    rows = [tensor.double()[:, :23, :3, :2].detach().requires_grad_() for tensor in rows_of(torch.float64)[:3]]
    assert torch.autograd.gradcheck(lambda q, k, v: dilated_attention(q, k, v, [5, 23], [1, 2]), rows)


def test_inputs_need_not_be_contiguous_and_are_left_alone():
    packed = torch.randn(2, 29, 3, 5, 4, dtype=torch.float64)
    before = packed.clone()
    queries, keys, values = packed.unbind(2)
    found = dilated_attention(queries, keys, values, [7, 29], [1, 3])
    wanted = dilated_attention(queries.contiguous(), keys.contiguous(), values.contiguous(), [7, 29], [1, 3])
    assert torch.equal(packed, before)
    assert largest_difference([found], [wanted]) <= 1e-12


def test_large_scores_neither_overflow_nor_lose_the_weights():
    rows = [tensor * 30 if at < 2 else tensor for at, tensor in enumerate(rows_of(torch.float64, length=37))]
    rows = [tensor.detach().requires_grad_() for tensor in rows]
    found = with_gradients(dilated_attention, rows, [8, 37], [1, 2])
    wanted = with_gradients(oracle.dilated_attention, rows, [8, 37], [1, 2])
    assert largest_difference(found, wanted) <= 1e-8


def test_a_position_no_branch_covers_gets_zeros_and_no_gradient():
    rows = rows_of(torch.float64, length=11, heads=1)
    out, *grads = with_gradients(dilated_attention, rows, [11], [2])
    for tensor in (out, *grads):
        assert not tensor[:, 1::2].any()
        assert tensor[:, ::2].any()


def test_saved_for_backward_is_nothing_per_branch():
    queries, keys, values, _ = rows_of(torch.float32)
    out = dilated_attention(queries, keys, values, [16, 64, 331], [1, 2, 4])
    saved = out.grad_fn.saved_tensors  # type: ignore[union-attr]
    assert [tuple(tensor.shape) for tensor in saved] == [(1, 331, 4, 16)] * 4 + [(1, 331, 4)]


@pytest.mark.parametrize(
    ("segments", "dilations", "heads", "message"),
    [
        ([], [], (0, 2), "as many of each"),
        ([4, 8], [1], (0, 2), "as many of each"),
        ([4], [0], (0, 2), "all 1 or more"),
        ([4], [1], (1, 2), "not all among 2"),
    ],
)
def test_a_wrong_geometry_is_refused(segments, dilations, heads, message):
    rows = torch.randn(1, 5, 2, 2)
    with pytest.raises(ValueError, match=message):
        dilated_attention(rows, rows, rows, segments, dilations, first_head=heads[0], all_heads=heads[1])


@pytest.mark.parametrize(
    ("shape", "kernels", "message"),
    [
        ((1, 0, 2, 2), "aten", r"queries \(1, 0, 2, 2\): wanted \(batch, length, heads, width\), all 1 or more"),
        ((0, 5, 2, 2), "aten", r"queries \(0, 5, 2, 2\): wanted"),
        ((1, 5, 2, 2), "bogus", r"kernels 'bogus': wanted one of aten, cpp, flash, triton"),
    ],
)
def test_nothing_to_attend_to_and_unknown_kernels_are_refused(shape, kernels, message):
    rows = torch.randn(shape)
    with pytest.raises(ValueError, match=message):
        dilated_attention(rows, rows, rows, [4], [1], kernels=kernels)


def test_rows_of_different_shape_are_refused():
    with pytest.raises(Exception, match=r"differ in shape|does not equal the existing value"):
        dilated_attention(torch.randn(1, 5, 2, 2), torch.randn(1, 6, 2, 2), torch.randn(1, 5, 2, 2), [4], [1])


def test_the_per_branch_implementation_of_the_benchmarks_has_the_same_output():
    queries, keys, values, _ = (tensor[:, :320] for tensor in rows_of(torch.float64, length=320))
    geometry = [32, 64, 320], [1, 2, 4]
    assert (
        largest_difference(
            [per_branch_attention(queries, keys, values, *geometry)],
            [dilated_attention(queries, keys, values, *geometry)],
        )
        <= 1e-12
    )


@pytest.mark.parametrize("kernels", ["aten", "cpp"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("dilations", [(1, 2), (2, 3)])  # the second leaves rows that no branch covers
def test_an_output_goes_to_its_place_among_other_heads(kernels, dtype, dilations):
    queries, keys, values, _ = (row.detach() for row in rows_of(dtype))
    geometry = Geometry(tuple(zip((37, 331), dilations, strict=True)), 3, 11, SequenceShard.whole(331), kernels)
    out, lse = attend_branches(queries, keys, values, geometry)
    among = torch.full((*out.shape[:2], 11, 16), 7.0, dtype=dtype)
    found, same = attend_branches(queries, keys, values, geometry, among[:, :, 3:7])
    assert found.data_ptr() == among[:, :, 3:7].data_ptr() and torch.equal(found, out) and torch.equal(same, lse)
    assert (among[:, :, :3] == 7).all() and (among[:, :, 7:] == 7).all()
