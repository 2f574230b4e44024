"""A GPU, for the tests that need one; all others see none, and test the same on every machine."""

import os
import shutil
import subprocess

SEEN = "GPUS_OF_TESTS"  # CUDA_VISIBLE_DEVICES as it was


def hide_gpus() -> None:
    """Before anything imports torch: for this process and those that it starts."""
    os.environ.setdefault(SEEN, os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    os.environ["CUDA_VISIBLE_DEVICES"] = ""


def gpus() -> int:
    """How many NVIDIA GPUs this machine has."""
    tool = shutil.which("nvidia-smi")
    listed = subprocess.run([tool, "-L"], capture_output=True, text=True).stdout if tool else ""
    return sum(line.startswith("GPU ") for line in listed.splitlines())


def gpu_environment() -> dict[str, str]:
    """For a process that sees the GPU, whose kernels are compiled."""
    environment = {**os.environ, "TRITON_INTERPRET": "0"}
    seen = environment.pop(SEEN, "")
    if seen:
        return {**environment, "CUDA_VISIBLE_DEVICES": seen}
    environment.pop("CUDA_VISIBLE_DEVICES", None)
    return environment
