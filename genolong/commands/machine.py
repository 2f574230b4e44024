"""Memory of this machine (or its container), memory that was used, and measured compute and copy rates."""

import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import torch
from torch import nn

SYSTEM = Path("/")


def memory_there(cuda: bool, root: Path = SYSTEM) -> int:
    """Total bytes of a GPU, or of the machine, or of this process's control group if that is less."""
    if cuda:
        return torch.cuda.get_device_properties(torch.device("cuda")).total_memory
    return min([os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *_group_limits(root)])


def peak_memory() -> dict[str, int]:
    """Peak memory of this process in bytes, and on its GPU if it used one."""
    host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    on_gpu = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    return {"host": host, **({"gpu": on_gpu} if on_gpu else {})}


def _group_limits(root: Path) -> Iterator[int]:
    """The memory limits of this process's control groups (version 1 or 2) and of the groups above them."""
    known = root / "proc/self/cgroup"
    for line in known.read_text().splitlines() if known.is_file() else ():
        _, kinds, group = line.split(":", 2)
        mount, name = ("memory", "memory.limit_in_bytes") if kinds else ("", "memory.max")
        if kinds and "memory" not in kinds.split(","):
            continue
        for folder in (PurePosixPath(group), *PurePosixPath(group).parents):
            file = root / "sys/fs/cgroup" / mount / str(folder).lstrip("/") / name
            text = file.read_text().strip() if file.is_file() else "max"
            if text.isdigit():
                yield int(text)


def product_rate(cuda: bool, half: bool) -> float:
    """Operations per second in a matrix product of a size that models use, as linear layers multiply.

    In bfloat16, a product of which no side is transposed is 20 times slower on CPUs that do not multiply such numbers.
    """
    size, device = (8192 if cuda else 1024), torch.device("cuda" if cuda else "cpu")
    left, right = torch.randn(2, size, size, dtype=torch.bfloat16 if half else torch.float32, device=device)
    return 2 * size**3 / _seconds(lambda: nn.functional.linear(left, right), cuda)


def copy_rate(cuda: bool) -> float:
    """Bytes per second read and written when copying a tensor too large for any cache."""
    tensor = torch.zeros(1 << (28 if cuda else 25), device="cuda" if cuda else "cpu")
    into = torch.zeros_like(tensor)
    return 2 * tensor.nbytes / _seconds(lambda: into.copy_(tensor), cuda)


def _seconds(work: Callable[[], object], cuda: bool) -> float:
    """The shortest time of one run of `work`, measured for a third of a second."""
    work()
    until, shortest = time.perf_counter() + 0.33, float("inf")
    while time.perf_counter() < until:
        began = time.perf_counter()
        work()
        if cuda:
            torch.cuda.synchronize()
        shortest = min(shortest, time.perf_counter() - began)
    return shortest
