"""Builds modules for the names and shapes of their weights: without memory for them, and without drawing them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from genolong.model.torch_defaults import torch_defaults

DRAWN = ("normal_", "uniform_", "kaiming_uniform_")  # of tensors and of torch.nn.init


class _NothingDrawn(TorchFunctionMode):
    """Leaves tensors as they are where random numbers would fill them.

    On the meta device, PyTorch would import its compiler for that, which takes longer than opening most models.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if getattr(func, "__name__", "") in DRAWN:
            return args[0] if args else named["tensor"]
        return func(*args, **named)


@contextmanager
def unfilled() -> Iterator[None]:
    """Modules that are built within are on the meta device; loading a state dict with assign=True fills them."""
    with torch_defaults(), torch.device("meta"), _NothingDrawn():
        yield
