"""Memory that PyTorch's allocator hands out while something runs: the most bytes at any time."""

from collections.abc import Callable
from functools import partial
from typing import Any
from unittest import mock

from torch._C._profiler import RecordScope
from torch.autograd import profiler

PROFILER: Any = profiler
OPERATIONS = {RecordScope.STATIC_RUNTIME_MODEL}  # none of these ever runs; recording others takes most of the time


def most_bytes(run: Callable[[], object]) -> int:
    """Beside what was there before."""
    only_memory = partial(PROFILER._enable_profiler, scopes=OPERATIONS)
    with (
        mock.patch.object(PROFILER, "_enable_profiler", only_memory),
        PROFILER.profile(profile_memory=True, use_kineto=True) as watched,  # torch.profiler would describe each change
    ):
        run()
    events = watched.kineto_results.events()
    changes = sorted((event for event in events if event.name() == "[memory]"), key=lambda event: event.start_ns())
    most = now = 0
    for change in changes:
        now += change.nbytes()
        most = max(most, now)
    return most
