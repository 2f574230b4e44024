"""Training steps on a GPU that computes nothing: if types, shapes and devices fit, the kernels started, and the memory.

A program, because PyTorch looks for GPUs once: its arguments are those of `train`, with `+` between several trainings,
and it writes a line of JSON for each. Without arguments, it answers each line of its input.
"""

import ctypes
import json
import sys
from collections import Counter
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from tests.builders.emulated_gpu.device import built, plug_in

PROCESSORS = 132  # an H200
HOW = {"num_warps", "num_stages"}  # arguments of a start, not of a kernel


class Starts:
    """Counts kernels by name: PyTorch's operations that compute something, and Triton's after a check of arguments."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def note(self, operation: Any) -> None:
        name = operation._schema.name.removeprefix("aten::")
        lays_out = operation.is_view or "empty" in name or name in ("_unsafe_view", "is_same_size")
        if operation.namespace == "aten" and not lays_out:
            self.counts[name] += 1

    def of_triton(self, kernel: Any, grid: Any) -> Any:
        """In place of `kernel[grid]`."""
        import torch

        def start(*given: Any, **named: Any) -> None:
            taken = [*kernel.arg_names[: len(given)], *(set(named) - HOW)]
            missing = {parameter.name for parameter in kernel.params if not parameter.has_default} - set(taken)
            assert not missing and len(taken) == len(set(taken)) and set(taken) <= set(kernel.arg_names), kernel
            away = [each for each in given if isinstance(each, torch.Tensor) and each.device.type != "cuda"]
            assert not away and all(size > 0 for size in grid), kernel
            self.counts[f"triton {kernel.fn.__name__}"] += 1

        return start


def step(gpu: ctypes.CDLL, *overrides: str) -> dict[str, Any]:
    """What a step of this training, forward, loss, backward and optimizer, starts and holds."""
    import torch
    from hydra import compose, initialize_config_dir
    from torch.utils._python_dispatch import TorchDispatchMode
    from triton.runtime.jit import JITFunction

    from genolong.commands.reading.attention_choice import choose_attention
    from genolong.commands.training.training_step import training_step
    from genolong.loading.datasets import MaskedBatch
    from genolong.model.compilers import triton
    from genolong.model.costs.memory import memory
    from genolong.model.costs.starts import starts
    from genolong.settings import CONF, train_settings
    from genolong.tasks.masked_bases import MaskedBases
    from genolong.tasks.optimizer import make_optimizer

    with initialize_config_dir(str(CONF), version_base="1.3"):
        settings = train_settings(compose("train", ["trainer.accelerator=cuda", *overrides]))
    begun, length = Starts(), settings.context.window_bp
    assert length is not None, "how long a chromosome is, a FASTA would have to say"

    class Counted(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            begun.note(func)
            return func(*args, **(kwargs or {}))

    with (
        patch.object(torch.backends.cudnn, "is_available", lambda: True),
        patch.object(triton, "_no_start", lambda: ""),
        patch.object(JITFunction, "__getitem__", lambda kernel, grid: begun.of_triton(kernel, grid)),
    ):
        with torch.device("meta"):
            model = MaskedBases(
                settings.model, settings.task, settings.optimizer, max_steps=9, seed=7,
                checkpoint_blocks=settings.context.checkpoint_blocks,
            )  # fmt: skip
        model.to_empty(device="cuda")
        choose_attention(model.encoder, settings.trainer.attention, cuda=True)
        codes = torch.zeros((settings.context.batch, length), dtype=torch.uint8, device="cuda")
        batch = MaskedBatch(codes, codes, codes > 0, codes > 0)
        optimizer, _ = make_optimizer(model, model.encoder, settings.optimizer, 9)
        half = settings.trainer.precision != "32-true"
        for _ in range(2):  # the first also makes the optimizer's states
            begun.counts.clear()
            gpu.forget()
            with Counted():
                with torch.autocast("cuda", dtype=torch.bfloat16, enabled=half):
                    loss = model.training_step(batch, 0)
                loss.backward()
                optimizer.step()
            for weight in model.parameters():
                assert weight.grad is not None and weight.grad.device.type == "cuda"
                assert (weight.grad.shape, weight.grad.dtype) == (weight.shape, weight.dtype)
            optimizer.zero_grad()
    taken = training_step(settings, cuda=True)
    return {
        "started": begun.counts.total(), "counted_starts": starts(replace(taken, accumulation=1)),
        "peak_bytes": gpu.most_bytes(), "counted_bytes": memory(taken).peak, "counts": begun.counts,
    }  # fmt: skip


def main() -> None:
    gpu = plug_in(built(), gpus=1, processors=PROCESSORS, idle=True)
    for case in " ".join(sys.argv[1:]).split(" + ") if sys.argv[1:] else map(str.strip, sys.stdin):
        sys.stdout.write(json.dumps({"case": case, **step(gpu, *case.split())}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
