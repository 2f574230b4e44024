"""Runs code under PyTorch's own defaults, whatever a notebook has set: float32 numbers, on the CPU."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch

CPU = torch.device("cpu")


@contextmanager
def torch_defaults() -> Iterator[None]:
    """Within this block, new tensors are float32 and on the CPU unless they say otherwise."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with nullcontext() if torch.get_default_device() == CPU else CPU:
            yield
    finally:
        torch.set_default_dtype(before)
