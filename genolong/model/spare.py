"""Memory that one block needs after another: handed on, because a system clears what it hands out anew."""

from collections.abc import Sequence

import torch
from torch import Tensor


class Spare:
    """Tensors of a CPU that nobody reads any more, until somebody wants one like them.

    A GPU's memory is kept by PyTorch itself.
    """

    def __init__(self) -> None:
        self._idle: list[Tensor] = []

    def empty(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """A tensor of this shape, of the type and device of `like`, that holds anything."""
        for number, tensor in enumerate(self._idle):
            if tensor.shape == torch.Size(shape) and tensor.dtype == like.dtype and tensor.device == like.device:
                return self._idle.pop(number)
        self.clear()  # of another shape: the heads, the window or the batch have changed
        return like.new_empty(shape)

    def give_back(self, tensor: Tensor) -> None:
        """Lets others have a tensor that came from here and that its user does not look at again."""
        if tensor.device.type == "cpu":
            self._idle.append(tensor)

    def clear(self) -> None:
        """Lets go of all that waits here."""
        self._idle.clear()
