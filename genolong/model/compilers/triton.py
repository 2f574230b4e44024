"""Whether Triton kernels can run on this machine, and what all of ours have in common."""

import subprocess
from functools import cache
from importlib.util import find_spec

import torch

DTYPES = (torch.float16, torch.bfloat16, torch.float32)
CAPABILITY = (8, 0)  # the first GPUs that multiply bfloat16


def no_triton(*, cuda: bool) -> str:
    """The reason why Triton kernels cannot run on the GPU (or, without `cuda`, the CPU); empty if they can."""
    if not _installed():
        return "triton is not installed here; it comes with PyTorch's builds for CUDA on Linux"
    if not cuda:
        return "" if interpreted() else "it runs on NVIDIA GPUs, and this is a CPU"
    if interpreted():
        return "TRITON_INTERPRET is set, and triton's interpreter cannot reach a GPU's memory"
    if torch.cuda.get_device_capability() < CAPABILITY:
        return "this GPU is older than its kernels are made for (compute capability {}.{})".format(*CAPABILITY)
    return _no_start()


def interpreted() -> bool:
    """Whether Triton's interpreter runs the kernels: slowly, on a CPU, for tests."""
    from triton import knobs

    return knobs.runtime.interpret


def padded(width: int) -> int:
    """The number of channels in Triton's matrix products: the next power of 2, at least 16."""
    return max(16, 1 << (width - 1).bit_length())


@cache
def _installed() -> bool:
    return find_spec("triton") is not None


@cache
def _no_start() -> str:
    """The reason why Triton cannot use the GPU; empty if it can. On the first call, Triton compiles its driver."""
    from triton.runtime import driver

    try:
        driver.active.get_current_target()
    except (ImportError, OSError, RuntimeError, subprocess.SubprocessError) as error:
        reason = (str(error).splitlines() or ["no message"])[0]
        return f"triton does not reach the GPU ({reason}); it needs a C compiler and Python's headers"
    return ""
