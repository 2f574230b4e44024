"""Attention of a sequence held in slices is that of the whole sequence, whatever is cut where."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genolong.model.dilated_attention import dilated_attention
from genolong.parallel.shard import SequenceShard
from tests.builders.thread_group import in_threads
from tests.oracles import dilated_attention as oracle


def in_slices(rows, segments, dilations, processes, **heads):
    """Output and gradients, each put together from its slices."""

    def attend(group):
        shard = SequenceShard(rows[0].shape[1], group)
        parts = [tensor.detach()[:, shard.start : shard.end].clone().requires_grad_() for tensor in rows]
        out = dilated_attention(parts[0], parts[1], parts[2], segments, dilations, shard=shard, **heads)
        return out.detach(), *torch.autograd.grad(out, parts[:3], parts[3].detach())

    return [torch.cat(parts, dim=1) for parts in zip(*in_threads(processes, attend), strict=True)]


def whole(rows, segments, dilations, attend=dilated_attention, **heads):
    *inputs, grad = (tensor.detach().clone().requires_grad_() for tensor in rows)
    out = attend(*inputs, segments, dilations, **heads)
    return [out.detach(), *torch.autograd.grad(out, inputs, grad.detach())]


def rows_of(length, heads=3, width=5, seed=7, dtype=torch.float64):
    torch.manual_seed(seed)
    return [torch.randn(2, length, heads, width, dtype=dtype) for _ in range(4)]


def assert_close(found, wanted, tolerance=1e-10):
    for name, a, b in zip(("out", "queries", "keys", "values"), found, wanted, strict=True):
        assert float((a - b).abs().max()) <= tolerance, name


@st.composite
def problems(draw):
    """Rows, segments, dilations, and the number of processes."""
    length, processes = draw(st.integers(2, 67)), draw(st.integers(2, 5))
    branches = draw(st.lists(st.tuples(st.integers(1, 80), st.integers(1, 19)), min_size=1, max_size=3))
    heads = draw(st.integers(1, 7))
    # a first branch that gives every query a key, so that there is a graph
    segments, dilations = zip(*[(draw(st.integers(1, 80)), 1), *branches], strict=True)
    return rows_of(length, heads, seed=draw(st.integers(0, 2**31))), segments, dilations, processes


@given(problems())
@settings(deadline=None, max_examples=60)
def test_slices_give_the_output_and_gradients_of_the_whole(problem):
    rows, segments, dilations, processes = problem
    assert_close(in_slices(rows, segments, dilations, processes), whole(rows, segments, dilations))


@pytest.mark.parametrize("processes", [2, 3, 4])
def test_slices_give_what_one_softmax_over_the_multiset_of_keys_gives(processes):
    geometry = [7, 23, 61], [1, 3, 11]
    found = in_slices(rows_of(61), *geometry, processes)
    assert_close(found, whole(rows_of(61), *geometry, attend=oracle.dilated_attention))


def test_positions_that_no_branch_reaches_stay_zero_in_slices():
    rows = rows_of(41)
    found, wanted = in_slices(rows, [41], [5], 3), whole(rows, [41], [5])
    assert_close(found, wanted)
    assert (wanted[0].abs().sum(-1) == 0).any()


def test_some_heads_of_slices_are_those_of_all():
    rows, geometry = rows_of(53, heads=7), ([5, 53], [1, 4])
    some = [tensor[:, :, 2:5] for tensor in rows]
    found = in_slices(some, *geometry, 3, first_head=2, all_heads=7)
    assert_close(found, [tensor[:, :, 2:5] for tensor in whole(rows, *geometry)])


def test_slices_in_float32_stay_within_its_rounding():
    rows = rows_of(331, dtype=torch.float32)
    geometry = [16, 64, 331], [1, 2, 4]
    exact = whole([tensor.double() for tensor in rows], *geometry)
    assert_close([tensor.double() for tensor in in_slices(rows, *geometry, 4)], exact, 2e-5)


def test_more_processes_than_positions():
    rows, geometry = rows_of(3), ([2, 3], [1, 1])
    assert_close(in_slices(rows, *geometry, 5), whole(rows, *geometry))


def test_rows_that_are_not_the_shards_are_refused():
    rows = rows_of(11)
    with pytest.raises(ValueError, match="11 positions, where the shard holds 12"):
        dilated_attention(rows[0], rows[1], rows[2], [12], [1], shard=SequenceShard.whole(12))
