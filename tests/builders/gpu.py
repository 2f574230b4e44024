"""GPUs for the tests that need them, emulated where there are none; all others see none, on every machine."""

import os
import shutil
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from tests.builders.emulated_gpu.device import LIBRARY, NUMBER, built

SEEN = "GPUS_OF_TESTS"  # CUDA_VISIBLE_DEVICES as it was
PROJECT = Path(__file__).resolve().parents[2]
START = PROJECT / "tests" / "builders" / "emulated_gpu" / "start"


def hide_gpus() -> None:
    """Before anything imports torch: for this process and those that it starts."""
    os.environ.setdefault(SEEN, os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    os.environ["CUDA_VISIBLE_DEVICES"] = ""


@cache
def gpus() -> int:
    """How many NVIDIA GPUs this machine has."""
    tool = shutil.which("nvidia-smi")
    listed = subprocess.run([tool, "-L"], capture_output=True, text=True).stdout if tool else ""
    return sum(line.startswith("GPU ") for line in listed.splitlines())


def no_emulation() -> str:
    """Why GPUs cannot be emulated here; empty if they can."""
    import torch

    if torch.version.cuda is not None:
        return "PyTorch looks for real GPUs here"
    if not (os.environ.get("CXX") or shutil.which("c++")):
        return "needs a C++ compiler"
    return "" if find_spec("triton") else "needs triton"


def gpu_environment() -> dict[str, str]:
    """For a process that sees the GPUs, whose kernels are compiled."""
    environment = _without_choice() | {"TRITON_INTERPRET": "0"}
    seen = os.environ.get(SEEN, "")
    return {**environment, "CUDA_VISIBLE_DEVICES": seen} if seen else environment


def emulated_environment(number: int) -> dict[str, str]:
    """For a process, and those that it starts, that sees so many emulated GPUs."""
    path = os.pathsep.join([str(START), str(PROJECT)])
    chosen = {NUMBER: str(number), LIBRARY: str(built()), "PYTHONPATH": path, "TRITON_INTERPRET": "1"}
    return _without_choice() | chosen


def _without_choice() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if name not in (SEEN, "CUDA_VISIBLE_DEVICES")}
