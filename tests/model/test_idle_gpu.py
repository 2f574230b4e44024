"""A training step on a GPU that computes nothing: all fits, a CPU starts few kernels, and memory is counted right."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from subprocess import PIPE
from typing import Any

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

Counts = dict[str, int]  # kernels that a step starts, by name
Found = Callable[[str], dict[str, Any]]

pytestmark = pytest.mark.skipif(bool(no_emulation()), reason=no_emulation())


@pytest.fixture(scope="module")
def found() -> Iterator[Found]:
    """What is known of a step."""
    command = [sys.executable, "-W", "error", "-m", "tests.builders.idle_gpu"]
    environment = {**os.environ, "TRITON_INTERPRET": "0"}
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stdin=PIPE, stdout=PIPE, text=True) as program:
        assert program.stdin is not None and program.stdout is not None
        asked, answers = program.stdin, program.stdout

        @cache
        def of(case: str) -> dict[str, Any]:
            print(case, file=asked, flush=True)
            return json.loads(answers.readline())

        yield of
        asked.close()
        assert not program.wait(), "it told why on its stderr"


def counts_that_fit(case: str, found: Found) -> Counts:
    """The kernels of a step: about as many as are counted, in as much memory, of which 8 % more may be counted."""
    step = found(case)
    least, most = (0.6, 1.2) if "attention=aten" in case else (0.85, 1.2)
    assert least < step["counted_starts"] / step["started"] < most
    if "attention=aten" not in case:  # for which PyTorch's build for CPUs computes norms in more steps than a GPU does
        assert 1 <= step["counted_bytes"] / step["peak_bytes"] < 1.08
    return step["counts"]


@pytest.mark.parametrize("case", SHORT)
def test_a_step_runs_with_the_kernels_that_are_asked_for_as_many_as_are_counted_in_such_memory(case: str, found: Found):
    (attention, of_pytorch), counts = SHORT[case], counts_that_fit(case, found)
    for name in (of_pytorch, f"{of_pytorch}_backward"):
        assert bool(counts.get(name)) == (attention != "triton")
    assert bool(counts.get("triton attend")) == (attention == "triton")
    assert bool(counts.get("triton join")) == (attention == "auto")
    for name in ("norm", "norm_backward", "convolve", "convolve_backward", "convolve_backward_taps", "turn"):
        assert bool(counts.get(f"triton {name}")) == (attention != "aten")
    assert counts["_fused_adamw_"] == 2  # of weights that decay, and of others


@pytest.mark.parametrize("case", OTHER)
def test_a_step_runs_whatever_is_set(case: str, found: Found):
    counts = counts_that_fit(case, found)
    assert counts["_fused_adamw_"] == 2 and counts["triton turn"] > 0
    assert bool(counts.get("triton convolve")) == ("kernel=0" not in case)
    assert bool(counts.get("native_dropout")) == ("dropout" in case)


def test_a_million_positions_start_few_kernels_in_each_block_and_are_attended_by_cudnn(found: Found):
    steps = [counts_that_fit(case, found) for case in LONG]
    for counts in steps:
        assert counts[CUDNN] >= counts[f"{CUDNN}_backward"] > 0 == counts.get(FLASH, 0)
    two, three, again = (sum(counts.values()) for counts in steps)
    assert three - two <= 8 * 100 < again - two  # eight stretches; some blocks are run again
