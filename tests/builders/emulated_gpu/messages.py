"""NCCL's place, taken by gloo: messages between GPUs that are emulated."""

from types import SimpleNamespace

from torch import distributed as dist
from torch.distributed import ProcessGroupGloo, Store, distributed_c10d  # type: ignore[attr-defined]


class ProcessGroupNCCL(ProcessGroupGloo):
    """Made as PyTorch makes NCCL's; what it sends comes in the memory of a CPU (device.cpp)."""

    Options = SimpleNamespace  # type: ignore[assignment]

    def __init__(self, store: Store, rank: int, size: int, options: SimpleNamespace) -> None:
        super().__init__(store, rank, size, timeout=options._timeout)


def send_by_gloo() -> None:
    """To everything that asks for NCCL."""
    assert dist.is_gloo_available()
    for name, value in {"ProcessGroupNCCL": ProcessGroupNCCL, "_NCCL_AVAILABLE": True}.items():
        setattr(distributed_c10d, name, value)
