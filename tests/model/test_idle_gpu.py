"""A training step on a GPU that computes nothing: all fits, a CPU starts few kernels, and memory is counted right."""

import json
import os
import subprocess
import sys

import pytest

from tests.builders.gpu import PROJECT, no_emulation

FLASH, CUDNN = "_scaled_dot_product_flash_attention", "_scaled_dot_product_cudnn_attention"
SINGLE = "_scaled_dot_product_efficient_attention"  # in float32
SHORT = {
    f"model=mini context.checkpoint_blocks={blocks} trainer.attention={attention} {precision}": (attention, kernel)
    for attention in ("auto", "triton", "aten")
    for precision, kernel in (("trainer.precision=bf16-mixed", FLASH), ("trainer.precision=32-true", SINGLE))
    for blocks in (0, 1, 2)
}
OTHER = [
    f"model=mini model.layers=2 context=2k {more}"
    for more in (
        "optimizer=muon", "model.mlp=swiglu", "model.kernel=0", "model.dropout=0.1", "model.dropout=0.1 model.heads=3",
        "context.batch=3 context.checkpoint_blocks=1", "context.window_bp=2003 context.checkpoint_blocks=1",
    )
]  # fmt: skip
LONG = [
    f"model=base context=1m trainer.precision=bf16-mixed model.layers={layers} context.checkpoint_blocks={blocks}"
    for layers, blocks in ((2, 1), (3, 1), (3, 2))
]

pytestmark = pytest.mark.skipif(bool(no_emulation()), reason=no_emulation())


@pytest.fixture(scope="module")
def found() -> dict[str, dict]:
    """What is known of each step."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.builders.idle_gpu", *" + ".join([*SHORT, *OTHER, *LONG]).split()],
        cwd=PROJECT, env={**os.environ, "TRITON_INTERPRET": "0"}, capture_output=True, text=True,
    )  # fmt: skip
    assert not done.returncode, done.stderr[-3000:]
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return {answer["case"]: answer for answer in answers}


@pytest.fixture(scope="module")
def counts(found: dict[str, dict]) -> dict[str, dict[str, int]]:
    """The kernels that each step starts, by name."""
    return {case: answer["counts"] for case, answer in found.items()}


@pytest.mark.parametrize("case", SHORT)
def test_a_step_runs_with_the_kernels_that_are_asked_for(case: str, counts: dict[str, dict[str, int]]):
    (attention, of_pytorch), found = SHORT[case], counts[case]
    for name in (of_pytorch, f"{of_pytorch}_backward"):
        assert bool(found.get(name)) == (attention != "triton")
    assert bool(found.get("triton attend")) == (attention == "triton")
    assert bool(found.get("triton join")) == (attention == "auto")
    for name in ("norm", "norm_backward", "convolve", "convolve_backward", "convolve_backward_taps", "turn"):
        assert bool(found.get(f"triton {name}")) == (attention != "aten")
    assert found["_fused_adamw_"] == 2  # of weights that decay, and of others


@pytest.mark.parametrize("case", OTHER)
def test_a_step_runs_whatever_is_set(case: str, counts: dict[str, dict[str, int]]):
    found = counts[case]
    assert found["_fused_adamw_"] == 2 and found["triton turn"] > 0
    assert bool(found.get("triton convolve")) == ("kernel=0" not in case)
    assert bool(found.get("native_dropout")) == ("dropout" in case)


def test_long_windows_of_many_rows_are_attended_by_cudnn(counts: dict[str, dict[str, int]]):
    for case in LONG:
        assert counts[case][CUDNN] >= counts[case][f"{CUDNN}_backward"] > 0 == counts[case].get(FLASH, 0)


def test_a_block_of_a_million_positions_starts_few_kernels(counts: dict[str, dict[str, int]]):
    two, three, again = (sum(counts[case].values()) for case in LONG)
    assert three - two <= 8 * 100 < again - two  # eight stretches; some blocks are run again


@pytest.mark.parametrize("case", [*SHORT, *OTHER, *LONG])
def test_memory_is_counted_as_it_is_held(case: str, found: dict[str, dict]):
    if "attention=aten" in case or "swiglu" in case:
        pytest.skip("without numbers, PyTorch computes norms and SwiGLU in more steps than a GPU does")
    assert 1 <= found[case]["counted_bytes"] / found[case]["peak_bytes"] < 1.08
