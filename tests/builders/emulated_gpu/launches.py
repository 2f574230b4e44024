"""Triton's kernels on GPUs that are emulated: its interpreter runs them in their memory."""

from contextlib import ExitStack
from typing import Any

import torch


def interpret() -> ExitStack:
    """Before anything else imports ours, and until what this returns is closed."""
    from triton.runtime.interpreter import InterpretedFunction

    from genolong.model.compilers import triton

    triton.no_triton = lambda *, cuda: "" if cuda else "a CPU has other kernels"
    from tests.builders.interpreted import interpreted

    run = InterpretedFunction.run

    def start(self: Any, *args: Any, grid: Any, warmup: bool, **kwargs: Any) -> None:
        run(self, *map(_on_host, args), grid=grid, warmup=warmup, **kwargs)

    InterpretedFunction.run = start
    stack = ExitStack()
    stack.enter_context(interpreted())
    return stack


def _on_host(given: Any) -> Any:
    if not isinstance(given, torch.Tensor):
        return given
    assert given.device.type == "cuda", "a kernel for a GPU was given a tensor of the CPU"
    return torch.ops.emulated_gpu.on_host(given.detach())
