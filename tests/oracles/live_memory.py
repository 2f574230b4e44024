"""Memory that PyTorch's allocator hands out while something runs: the most bytes at any time."""

from collections.abc import Callable
from typing import Any

from torch.profiler import profile


def most_bytes(run: Callable[[], object]) -> int:
    """Beside what was there before."""
    with profile(profile_memory=True) as watched:
        run()
    events: Any = watched.profiler.kineto_results.events()  # type: ignore[union-attr]
    changes = sorted((event for event in events if event.name() == "[memory]"), key=lambda event: event.start_ns())
    most = now = 0
    for change in changes:
        now += change.nbytes()
        most = max(most, now)
    return most
