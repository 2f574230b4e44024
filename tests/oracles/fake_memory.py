"""Memory that the fake tensors of a GPU would take, which no allocator sees: the most bytes at any time."""

import weakref
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

UNIT = 512  # bytes, of which the allocator gives multiples


class FakeMemory:
    """Bytes of the tensors of GPUs that exist now, and of those that existed at once since `forget`."""

    def __init__(self) -> None:
        self.now, self.most, self._seen = 0, 0, dict[int, Any]()

    def note(self, made: Any) -> None:
        """All tensors within what an operation made."""
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor) and tensor.device.type == "cuda":
                self._hold(tensor.untyped_storage())

    def forget(self) -> None:
        self.most = self.now

    def _hold(self, storage: torch.UntypedStorage) -> None:
        number, size = storage._cdata, -(-storage.nbytes() // UNIT) * UNIT
        if number not in self._seen:
            self._seen[number] = weakref.ref(storage, lambda _: self._free(number, size))
            self.now += size
            self.most = max(self.most, self.now)

    def _free(self, number: int, size: int) -> None:
        del self._seen[number]
        self.now -= size
