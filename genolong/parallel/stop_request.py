"""Handles signals to stop: notes them on arrival; processes agree on them where the work can stop."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist

from genolong.closed_terminal import leave_closed_terminals
from genolong.parallel.stopped import EXIT_CODES

logger = logging.getLogger(__name__)


class StopRequest:
    """Notes a signal, and lets processes agree later, because it may arrive in the middle of another message.

    A second Ctrl-C raises KeyboardInterrupt at once.
    """

    def __init__(self) -> None:
        self._asked: int | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Note signals within this block; only in the main thread, and only signals that are not ignored."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in EXIT_CODES}
        self._heard = [number for number in EXIT_CODES if before[number] != signal.SIG_IGN]
        self.listen()
        try:
            yield
        finally:
            for number in self._heard:
                signal.signal(number, before[number] or signal.SIG_DFL)

    def listen(self) -> None:
        """Set our handlers again, after a library has set its own."""
        if threading.current_thread() is threading.main_thread():
            for number in self._heard:
                signal.signal(number, self._note)

    def agreed(self) -> int | None:
        """The signal that any process received, or None; all processes must call this at the same time."""
        own = torch.tensor([number == self._asked for number in EXIT_CODES], dtype=torch.uint8)
        if dist.is_initialized():
            dist.all_reduce(own, dist.ReduceOp.MAX)
        return next((number for number, came in zip(EXIT_CODES, own.tolist(), strict=True) if came), None)

    def _note(self, number: int, _: Any) -> None:
        if number == signal.SIGINT and self._asked == signal.SIGINT:
            raise KeyboardInterrupt
        leave_closed_terminals()
        self._asked = number
        logger.info("%s: stopping after this step, once it can be resumed", signal.Signals(number).name)
