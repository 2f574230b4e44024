"""Floating-point operations counted while they happen: PyTorch's own formulas for every operation that is called."""

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry, sdpa_backward_flop_count, sdpa_flop_count

aten = torch.ops.aten


class CountedFlops(TorchDispatchMode):
    """As FlopCounterMode, which cannot follow modules that are run again in the backward pass."""

    total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        packet = func.overloadpacket
        if packet is aten._scaled_dot_product_flash_attention_for_cpu:
            self.total += sdpa_flop_count(*(rows.shape for rows in args[:3]))
        elif packet is aten._scaled_dot_product_flash_attention_for_cpu_backward:
            self.total += sdpa_backward_flop_count(*(rows.shape for rows in args[:4]))
        elif packet is aten.convolution_backward:  # PyTorch's formula takes groups for whole matrices
            grad, _, taps = args[:3]
            self.total += 2 * 2 * grad.shape[0] * grad.shape[2:].numel() * taps.numel()
        elif packet in flop_registry:
            self.total += flop_registry[packet](*args, **(kwargs or {}), out_val=out)
        return out
