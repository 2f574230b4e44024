"""A training step on a GPU that computes nothing: all that it is given fits, and a CPU starts few kernels for it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

COMPILER = os.environ.get("CXX") or shutil.which("c++")
PROJECT = Path(__file__).resolve().parents[2]
FLASH, CUDNN = "_scaled_dot_product_flash_attention", "_scaled_dot_product_cudnn_attention"
SINGLE = "_scaled_dot_product_efficient_attention"  # in float32
SHORT = [
    f"mini 3 {1 << length} 2 {blocks} {attention} {precision}"
    for length, attention, precision in (
        (11, "auto", "bfloat16"), (11, "auto", "float32"), (11, "triton", "bfloat16"), (11, "triton", "float32"),
        (11, "aten", "bfloat16"), (11, "aten", "float32"),
    )
    for blocks in (0, 1, 2)
]  # fmt: skip
LONG = [f"base {layers} {1 << 20} 1 {blocks} auto bfloat16" for layers, blocks in ((2, 1), (3, 1), (3, 2))]

pytestmark = [
    pytest.mark.skipif(not COMPILER, reason="needs a C++ compiler"),
    pytest.mark.skipif(torch.version.cuda is not None, reason="PyTorch looks for real GPUs here"),
]
pytest.importorskip("triton")


@pytest.fixture(scope="module")
def counts() -> dict[str, dict[str, int]]:
    """The kernels that each step starts, by name."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.builders.idle_gpu", *", ".join([*SHORT, *LONG]).split(" ")],
        cwd=PROJECT, env={**os.environ, "TRITON_INTERPRET": "0"}, capture_output=True, text=True,
    )  # fmt: skip
    assert not done.returncode, done.stderr[-3000:]
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return {answer["case"]: answer["counts"] for answer in answers}


@pytest.mark.parametrize("case", SHORT)
def test_a_step_runs_with_the_kernels_that_are_asked_for(case: str, counts: dict[str, dict[str, int]]):
    *_, attention, precision = case.split()
    found = counts[case]
    of_pytorch = FLASH if precision == "bfloat16" else SINGLE
    for name in (of_pytorch, f"{of_pytorch}_backward"):
        assert bool(found.get(name)) == (attention != "triton")
    assert bool(found.get("triton attend")) == (attention == "triton")
    assert bool(found.get("triton join")) == (attention == "auto")
    for name in ("norm", "norm_backward", "convolve", "convolve_backward", "convolve_backward_taps", "turn"):
        assert bool(found.get(f"triton {name}")) == (attention != "aten")
    assert found["_fused_adamw_"] == 1


def test_long_windows_of_many_rows_are_attended_by_cudnn(counts: dict[str, dict[str, int]]):
    for case in LONG:
        assert counts[case][CUDNN] >= counts[case][f"{CUDNN}_backward"] > 0 == counts[case].get(FLASH, 0)


def test_a_block_of_a_million_positions_starts_few_kernels(counts: dict[str, dict[str, int]]):
    two, three, again = (sum(counts[case].values()) for case in LONG)
    assert three - two <= 8 * 100 < again - two  # eight stretches; some blocks are run again
