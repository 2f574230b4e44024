"""Waits for what another thread or process does."""

import time
from collections.abc import Callable

LIMIT_S = 120


def wait_until(true: Callable[[], object]) -> None:
    """Fails after two minutes."""
    until = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)
