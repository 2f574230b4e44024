"""Training steps on a GPU that computes nothing: whether types, shapes and devices fit, and the kernels a CPU starts.

A program, because PyTorch looks for GPUs once: its arguments are `model layers length batch checkpoint_blocks attention
precision`, with commas between several steps, and it writes a line of JSON for each. The model is a file of conf/model,
with at most so many layers.
"""

import ctypes
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from warnings import catch_warnings, filterwarnings

SOURCE = Path(__file__).with_suffix(".cpp")
LIKE = SimpleNamespace(multi_processor_count=132, total_memory=141 << 30)  # an H200
CAPABILITY = (9, 0)
HOW = {"num_warps", "num_stages"}  # arguments of a start, not of a kernel


def plug_in(compiler: str) -> None:
    """Before torch is imported. Raises CalledProcessError if the compiler does not know PyTorch's C++."""
    found = find_spec("torch")
    assert found is not None and found.origin is not None
    home = Path(found.origin).parent
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "idle_gpu.so")
        libraries = f"-L{home / 'lib'}", "-lc10", "-ltorch_cpu", f"-Wl,-rpath,{home / 'lib'}"
        flags = "-std=c++20", "-w", "-shared", "-fPIC", f"-I{home / 'include'}"
        subprocess.run([compiler, *flags, SOURCE, "-o", made, *libraries], check=True)
        ctypes.CDLL(str(made))


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


def step(
    model: str, layers: int, length: int, batch: int, checkpoint_blocks: int, attention: str, precision: str
) -> Counter[str]:  # fmt: skip
    """The kernels that a training step starts: forward, loss, backward, AdamW."""
    import torch
    import yaml
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.utils._python_dispatch import TorchDispatchMode
    from triton.runtime.jit import JITFunction

    from genolong.commands.reading.attention_choice import choose_attention
    from genolong.model.compilers import triton
    from genolong.model.encoder import Encoder, EncoderSettings
    from genolong.model.heads import MaskedBaseHead

    starts = Starts()

    class Counted(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            starts.note(func)
            return func(*args, **(kwargs or {}))

    idle = {
        "is_available": lambda: True, "is_bf16_supported": lambda including_emulation=True: True,
        "get_device_capability": lambda _device=None: CAPABILITY, "get_device_properties": lambda _device: LIKE,
        "device_of": lambda _tensor: nullcontext(),
    }  # fmt: skip
    conf = Path(__file__).resolve().parents[2] / "conf/model" / f"{model}.yaml"
    settings = EncoderSettings(**yaml.safe_load(conf.read_text()))
    settings = dataclasses.replace(settings, layers=min(settings.layers, layers))
    with (
        patch.multiple(torch.cuda, **idle),
        patch.object(torch.backends.cudnn, "is_available", lambda: True),
        patch.object(triton, "_no_start", lambda: ""),
        patch.object(JITFunction, "__getitem__", lambda kernel, grid: starts.of_triton(kernel, grid)),
        FakeTensorMode(),
        catch_warnings(),
    ):
        filterwarnings("ignore", "Accessing the data pointer of FakeTensor")  # whose distances are all 0
        with torch.device("cuda"):
            encoder, head = Encoder(settings, checkpoint_blocks), MaskedBaseHead(settings.width)
        choose_attention(encoder, attention, cuda=True)
        codes = torch.zeros((batch, length), dtype=torch.uint8, device="cuda")
        targets = torch.zeros(batch * length, dtype=torch.int64, device="cuda")
        weights = [*encoder.parameters(), *head.parameters()]
        optimizer = torch.optim.AdamW(weights, fused=True)
        for _ in range(2):  # the first also makes the optimizer's states
            starts.counts.clear()
            with Counted():
                with torch.autocast("cuda", dtype=torch.bfloat16, enabled=precision == "bfloat16"):
                    logits = encoder(codes, head=head)
                    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets)
                loss.backward()
                optimizer.step()
            for weight in weights:
                assert weight.grad is not None and weight.grad.device.type == "cuda"
                assert (weight.grad.shape, weight.grad.dtype) == (weight.shape, weight.dtype)
            optimizer.zero_grad()
    return starts.counts


def main() -> None:
    plug_in(os.environ.get("CXX", "c++"))
    for case in " ".join(sys.argv[1:]).split(","):
        model, layers, length, batch, blocks, attention, precision = case.split()
        counts = step(model, int(layers), int(length), int(batch), int(blocks), attention, precision)
        answer = {"case": case.strip(), "started": counts.total(), "counts": dict(counts.most_common())}
        sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
