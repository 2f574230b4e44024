"""Reuses memory from block to block, because the operating system zeroes newly allocated memory."""

from collections.abc import Sequence

import torch
from torch import Tensor


class Spare:
    """CPU tensors that are no longer read, kept until a tensor of the same shape and type is needed.

    On a GPU, PyTorch reuses memory itself.
    """

    def __init__(self) -> None:
        self._idle: list[Tensor] = []

    def empty(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """An uninitialised tensor of this shape, with the type and device of `like`."""
        for number, tensor in enumerate(self._idle):
            if tensor.shape == torch.Size(shape) and tensor.dtype == like.dtype and tensor.device == like.device:
                return self._idle.pop(number)
        self.clear()  # they have another shape, because the heads, the window or the batch have changed
        return like.new_empty(shape)

    def give_back(self, tensor: Tensor) -> None:
        """Return a tensor from `empty` that is no longer used."""
        if tensor.device.type == "cpu":
            self._idle.append(tensor)

    def clear(self) -> None:
        """Free all kept tensors."""
        self._idle.clear()
