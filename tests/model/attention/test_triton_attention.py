"""Triton's kernels, run by its interpreter, are one softmax over the multiset of keys; and where they are not taken."""

import json
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genolong.model.attention import triton_attention as fused
from genolong.model.attention.query_classes import MOST_BRANCHES, BranchHere
from genolong.model.compilers import triton
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
from tests.model.test_dilated_attention import with_gradients
from tests.oracles import dilated_attention as oracle

pytest.importorskip("triton")
attend = partial(dilated_attention, kernels="triton")
PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def interpreter():
    with interpreted():
        yield


@pytest.mark.parametrize(
    ("length", "heads", "segments", "dilations"),
    [
        (41, 1, [8, 32, 41], [1, 2, 4]),  # classes repeat with the longest dilation
        (37, 2, [7, 37], [3, 5]),  # 7 does not divide by 3: they repeat with segment and dilation
        (31, 3, [11, 13], [4, 2]),  # with nothing shorter than the sequence; some positions see nobody
        (3, 2, [2, 9], [1, 7]),
    ],
)
def test_geometries_that_are_known_to_be_hard(length, heads, segments, dilations):
    rows = [tensor.float().requires_grad_() for tensor in rows_of(length, heads)]
    wanted = with_gradients(oracle.dilated_attention, doubled(rows), segments, dilations)
    close(with_gradients(attend, rows, segments, dilations), wanted, 1e-5)


@given(problems(longest=29, widest=5, most_heads=2))
@settings(max_examples=10)
def test_it_is_one_softmax_over_the_multiset_of_keys(problem):
    rows, *geometry = problem
    wanted = with_gradients(oracle.dilated_attention, doubled(rows), *geometry)
    close(with_gradients(attend, rows, *geometry), wanted, 1e-5)


@pytest.mark.nightly
@given(problems(longest=307, widest=fused.WIDEST, most_heads=3), st.sampled_from([(16, 32), (32, 16), (64, 64)]))
@settings(max_examples=15)
def test_tiles_of_any_size_agree_with_pytorchs_kernels_in_float64(problem, tile):
    rows, *geometry = problem
    wanted = with_gradients(dilated_attention, doubled(rows), *geometry)
    with interpreted(held=tile[0], read=tile[1]):
        close(with_gradients(attend, rows, *geometry), wanted, 1e-5)


def test_sums_are_those_of_all_branches():
    queries, keys, values, _ = rows_of(29, dtype=torch.float32)
    branches, heads, width = ((7, 1), (29, 2), (13, 5)), 3, queries.shape[-1]
    geometry = Geometry(branches, 0, heads, SequenceShard.whole(29), "triton")
    _, lse = attend_branches(queries, keys, values, geometry)
    segments, dilations = zip(*branches, strict=True)
    for head in range(heads):
        for position in range(29):
            chosen = oracle.multiset(29, heads, segments, dilations, head, position)
            scores = (keys[:, chosen, head].double() @ queries[:, position, head, :, None].double())[..., 0]
            wanted = (scores / width**0.5).logsumexp(-1)
            assert torch.allclose(lse[:, position, head].double(), wanted, atol=1e-5)


@pytest.mark.parametrize(("dtype", "width", "tolerance"), [(torch.bfloat16, 24, 3e-2), (torch.float16, 64, 4e-3)])
def test_16_bit_rows_stay_within_their_rounding(dtype, width, tolerance):
    rows = [tensor.to(dtype).requires_grad_() for tensor in rows_of(43, heads=1, width=width)]
    geometry = [13, 32, 43], [1, 2, 5]
    with interpreted(held=32):
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


def test_large_scores_neither_overflow_nor_lose_the_weights():
    rows = [(20 * tensor).float().requires_grad_() for tensor in rows_of(43, heads=1)]
    close(with_gradients(attend, rows, [17, 43], [1, 2]),
          with_gradients(dilated_attention, doubled(rows), [17, 43], [1, 2]), 1e-3)  # fmt: skip


def test_a_position_no_branch_covers_gets_zeros_and_no_gradient():
    a_position_no_branch_covers_gets_zeros_and_no_gradient(attend, rows_of(23))


@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")  # numpy's, of the interpreter
@pytest.mark.parametrize("of", ["queries", "keys", "values"])
def test_a_number_that_is_none_is_not_hidden(of):
    a_number_that_is_none_is_not_hidden(attend, rows_of(37), of)


@pytest.mark.parametrize("processes", [2, 3])
def test_slices_of_a_sequence_give_the_numbers_of_the_whole(processes):
    rows, geometry = rows_of(53, dtype=torch.float32), ([5, 23, 53], [1, 3, 7])
    found = in_slices(rows, *geometry, processes, kernels="triton")
    for got, wanted in zip(found, whole([tensor.double() for tensor in rows], *geometry), strict=True):
        close([got], [wanted], 1e-5)


def test_the_same_bits_come_every_time():
    rows = [tensor.float().requires_grad_() for tensor in rows_of(41, heads=1)]
    for one, other in zip(*(with_gradients(attend, rows, [8, 41], [1, 3]) for _ in range(2)), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("checkpoint_blocks", [0, 2])  # blocks run whole, and in little memory
def test_an_encoder_gives_the_numbers_of_pytorchs_kernels(checkpoint_blocks):
    torch.manual_seed(3)
    encoder = Encoder(encoder_settings(layers=1), checkpoint_blocks)
    codes, found = torch.randint(0, 6, (1, 37), dtype=torch.uint8), []
    for kernels in ("triton", "aten"):
        encoder.kernels = kernels
        states = encoder(codes)
        grads = torch.autograd.grad(states.square().sum(), list(encoder.parameters()))
        found.append([states.detach(), *grads])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_what_it_is_not_made_for_pytorchs_kernels_do():
    rows = rows_of(23)[:3]  # float64
    assert torch.equal(output(attend, rows, [23], [1]), output(dilated_attention, rows, [23], [1]))
    single = [tensor.float() for tensor in rows]
    branch, heads = (BranchHere(0, 23, 23, 1),), (0, 3)
    assert fused.triton_attention(single, branch, *heads) is not None
    assert fused.triton_attention([single[0], *rows[1:]], branch, *heads) is None
    assert fused.triton_attention(single, branch * (MOST_BRANCHES + 1), *heads) is None
    assert fused.triton_attention([torch.empty(2, 23, 3, fused.WIDEST + 1)], branch, *heads) is None
    assert fused.triton_attention([tensor[:, :0] for tensor in single], branch, *heads) is None


def test_why_it_cannot_be_is_said(monkeypatch):
    assert fused.why_not(fused.WIDEST, cuda=False) == ""
    assert fused.why_not(fused.WIDEST + 1, cuda=False) == "heads of 129 channels are wider than 128"
    assert triton.no_triton(cuda=True).startswith("TRITON_INTERPRET is set, and triton's interpreter cannot")
    monkeypatch.setattr(triton, "interpreted", lambda: False)
    assert fused.why_not(64, cuda=False) == "it runs on NVIDIA GPUs, and this is a CPU"
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (8, 0))
    wanted = r"^triton does not reach the GPU \(.+\); it needs a C compiler and Python's headers$"
    triton._no_start.cache_clear()
    assert torch.cuda.is_available() or re.match(wanted, fused.why_not(64, cuda=True))
    monkeypatch.setattr(triton, "_no_start", lambda: "")
    assert fused.why_not(64, cuda=True) == ""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (7, 5))
    wanted = "this GPU is older than its kernels are made for (compute capability 8.0)"
    assert fused.why_not(64, cuda=True) == wanted
    monkeypatch.setattr(triton, "_installed", lambda: False)
    wanted = "triton is not installed here; it comes with PyTorch's builds for CUDA on Linux"
    assert fused.why_not(64, cuda=True) == wanted


nightly = partial(pytest.param, marks=pytest.mark.nightly)


def compiled_for_gpus(tmp_path: Path, *asked: object) -> list[dict]:
    """What tests/builders/compiled_kernels.py tells of the kernels that are asked for."""
    named = {"PYTHONPATH": os.pathsep.join(sys.path), "TRITON_CACHE_DIR": str(tmp_path), "TRITON_INTERPRET": "0"}
    command = [sys.executable, "-m", "tests.builders.compiled_kernels", *map(str, asked)]
    done = subprocess.run(
        command, cwd=PROJECT, env={**os.environ, **named}, capture_output=True, text=True, check=True
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.skipif(sys.platform != "linux", reason="Triton compiles on Linux")
@pytest.mark.parametrize(
    ("numbers", "width", "capability"),
    [
        ("bf16", 64, 80),
        *(nightly("bf16", *rest) for rest in ((64, 90), (128, 80), (128, 90), (24, 80), (96, 100))),
        *(nightly(*rest) for rest in (("fp16", 64, 89), ("fp32", 64, 80), ("fp32", 128, 86), ("fp32", 32, 90))),
    ],
)
def test_kernels_compile_for_gpus_and_fit_their_shared_memory(numbers, width, capability, tmp_path):
    made = compiled_for_gpus(tmp_path, "attention", numbers, width, capability)
    assert len(made) == 3
    for one in made:
        assert one["shared"] <= 99 << 10, "more than a program may have on a GPU of capability 8.6"
        assert one["copies"] and (one["products"] or numbers == "fp32"), "tensor cores multiply what has 16 bits"
