"""Branches attended one by one and put together by Triton's kernels, run by its interpreter, are one softmax."""

import sys
from functools import partial

import pytest
import torch
from hypothesis import given, settings

from genolong.model.attention import branch_parts
from genolong.model.attention.blocks import segment_blocks
from genolong.model.dilated_attention import Geometry, attend_branches, dilated_attention
from genolong.model.encoder import Encoder
from genolong.parallel.shard import SequenceShard
from tests.builders.interpreted import interpreted
from tests.builders.models import encoder_settings
from tests.model.attention.test_native_attention import (
    a_number_that_is_none_is_not_hidden,
    a_position_no_branch_covers_gets_zeros_and_no_gradient,
    close,
    doubled,
    output,
    problems,
    rows_may_lie_anywhere_and_are_left_alone,
)
from tests.model.attention.test_shared_segments import in_slices, rows_of, whole
from tests.model.attention.test_triton_attention import compiled_for_gpus, nightly
from tests.model.test_dilated_attention import with_gradients
from tests.oracles import dilated_attention as oracle

pytest.importorskip("triton")
attend = partial(dilated_attention, kernels="flash")


@pytest.fixture(autouse=True)
def interpreter():
    with interpreted():
        yield


@pytest.mark.parametrize(
    ("length", "heads", "segments", "dilations"),
    [
        (41, 1, [8, 32, 41], [1, 2, 4]),  # segments that end short
        (37, 2, [7, 37], [3, 5]),  # heads with a position more than others
        (31, 3, [11, 13], [4, 2]),  # some positions see nobody
        (64, 4, [8, 16, 64], [1, 2, 8]),  # heads share an offset, two by two, and a head has one of its own
        (3, 2, [2, 9], [1, 7]),
        (101, 2, [32, 64, 101], [1, 2, 4]),  # every segment is made of whole programs' positions
        (97, 3, [64, 17, 97], [1, 1, 5]),  # a program's positions are of several segments of a branch
        (70, 2, [70], [1]),  # one branch alone
        (67, 1, [4, 3, 67], [3, 2, 67]),  # few positions are held
    ],
)
def test_geometries_that_are_known_to_be_hard(length, heads, segments, dilations):
    rows = [tensor.float().requires_grad_() for tensor in rows_of(length, heads)]
    wanted = with_gradients(oracle.dilated_attention, doubled(rows), segments, dilations)
    close(with_gradients(attend, rows, segments, dilations), wanted, 1e-5)


@given(problems(longest=43, widest=9, most_heads=4))
@settings(max_examples=15)
def test_it_is_one_softmax_over_the_multiset_of_keys(problem):
    rows, *geometry = problem
    wanted = with_gradients(oracle.dilated_attention, doubled(rows), *geometry)
    close(with_gradients(attend, rows, *geometry), wanted, 1e-5)


def test_sums_are_those_that_pytorch_adds_up():
    queries, keys, values, _ = rows_of(29, dtype=torch.float32)
    found = []
    for kernels in ("flash", "aten"):
        geometry = Geometry(((7, 1), (29, 2), (13, 5)), 0, 3, SequenceShard.whole(29), kernels)
        found.append(attend_branches(queries, keys, values, geometry)[1])
    close(found[:1], [found[1].double()], 1e-5)


def test_kernels_get_few_enough_problems_at_once(monkeypatch):
    rows, geometry = [tensor.float().requires_grad_() for tensor in rows_of(53)], ([5, 23], [1, 3])
    wanted = with_gradients(attend, rows, *geometry)
    most, asked = 3, []
    real = branch_parts.attend

    def counted(queries, keys, values):
        asked.append(len(queries))
        return real(queries, keys, values)

    monkeypatch.setattr(branch_parts, "MOST_PROBLEMS", most)
    monkeypatch.setattr(branch_parts, "attend", counted)
    close(with_gradients(attend, rows, *geometry), [tensor.double() for tensor in wanted], 1e-6)
    assert max(asked) == most


@pytest.mark.parametrize("dilation", [1, 2, 8, 16])
def test_nothing_is_copied_where_segments_are_whole(dilation):
    tensor = torch.randn(1, 128, 8, 4)
    for block in segment_blocks(0, 128, 32, dilation, 8, 0, 8):
        for apart in block.apart():
            problems = apart.problems(tensor)
            assert problems.untyped_storage().data_ptr() == tensor.untyped_storage().data_ptr()
            assert problems.shape == (4, apart.offsets * apart.heads, 32 // dilation, 4)


@pytest.mark.parametrize(("dtype", "width", "tolerance"), [(torch.bfloat16, 24, 3e-2), (torch.float16, 64, 4e-3)])
def test_16_bit_rows_stay_within_their_rounding(dtype, width, tolerance):
    rows = [tensor.to(dtype).requires_grad_() for tensor in rows_of(43, heads=1, width=width)]
    geometry = [13, 32, 43], [1, 2, 5]
    found = with_gradients(attend, rows, *geometry)
    assert all(tensor.dtype == dtype for tensor in found)
    close(found, with_gradients(dilated_attention, doubled(rows), *geometry), tolerance)


def test_some_heads_alone_give_what_they_give_among_all():
    rows = rows_of(31, heads=7)
    some = [tensor[:, :, 3:5].float() for tensor in rows]
    found = output(partial(attend, first_head=3, all_heads=7), some[:3], [8, 31], [1, 5])
    close([found], [output(dilated_attention, rows[:3], [8, 31], [1, 5])[:, :, 3:5]], 1e-5)


def test_rows_may_lie_anywhere_and_are_left_alone():
    rows_may_lie_anywhere_and_are_left_alone(attend, 37, 2, rows_of(19))


def test_a_position_no_branch_covers_gets_zeros_and_no_gradient():
    a_position_no_branch_covers_gets_zeros_and_no_gradient(attend, rows_of(23))


@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")  # numpy's, of the interpreter
@pytest.mark.parametrize("of", ["queries", "keys", "values"])
def test_a_number_that_is_none_is_not_hidden(of):
    a_number_that_is_none_is_not_hidden(attend, rows_of(37), of)


@pytest.mark.parametrize("processes", [2, 3])
def test_slices_of_a_sequence_give_the_numbers_of_the_whole(processes):
    rows, geometry = rows_of(53, dtype=torch.float32), ([5, 23, 53], [1, 3, 7])
    found = in_slices(rows, *geometry, processes, kernels="flash")
    for got, wanted in zip(found, whole([tensor.double() for tensor in rows], *geometry), strict=True):
        close([got], [wanted], 1e-5)


@pytest.mark.parametrize("checkpoint_blocks", [0, 1, 2])
def test_an_encoder_gives_the_numbers_of_pytorchs_kernels(checkpoint_blocks):
    torch.manual_seed(3)
    encoder = Encoder(encoder_settings(layers=2), checkpoint_blocks)
    codes, found = torch.randint(0, 6, (2, 37), dtype=torch.uint8), []
    for kernels in ("flash", "aten"):
        encoder.kernels = kernels
        states = encoder(codes)
        grads = torch.autograd.grad(states.square().sum(), list(encoder.parameters()))
        found.append([states.detach(), *grads])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_what_it_is_not_made_for_pytorchs_kernels_do():
    rows = rows_of(23)[:3]  # float64
    assert torch.equal(output(attend, rows, [23], [1]), output(dilated_attention, rows, [23], [1]))
    assert branch_parts.branch_parts([tensor[:, :0].float() for tensor in rows], (), 0, 3) is None
    too_many = torch.empty(1).expand(1, 1 << 29, 1, 32)[..., :31]  # more numbers than 32 bits count, without memory
    assert branch_parts.branch_parts([too_many], (), 0, 1) is None


@pytest.mark.skipif(sys.platform != "linux", reason="Triton compiles on Linux")
@pytest.mark.parametrize(
    ("numbers", "width", "capability", "spilled"),
    [
        ("bf16", 64, 90, 0),
        *(nightly(*rest) for rest in (("bf16", 128, 80, 256), ("fp16", 128, 100, 256), ("fp32", 64, 86, 0))),
    ],
)
def test_what_puts_branches_together_compiles_for_gpus_and_reads_16_bytes_at_once(
    numbers, width, capability, spilled, tmp_path
):
    made = compiled_for_gpus(tmp_path, "parts", numbers, width, capability)
    assert len(made) == 2
    for one in made:
        assert one["wide"] and one["spilled"] <= spilled, "one warp has room for rows of 128 bytes, and nearly for 256"
