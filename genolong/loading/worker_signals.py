"""Signals that a scheduler or a terminal sends to all processes at once, which those that read windows let pass."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker

from genolong.parallel.interruption import held_back
from genolong.parallel.stopped import EXIT_CODES


@contextmanager
def learning_to_obey() -> Iterator[None]:
    """Around the start of processes that read windows: signals wait in them until they obey the mother alone.

    A process inherits what waits, but not that a signal is let pass; so none can end it before it has come that far.
    """
    if multiprocessing.get_start_method() != "fork":
        resource_tracker.ensure_running()  # which would let signals through if it were started within
    with held_back(*EXIT_CODES):
        yield


def obey_the_mother_alone(_: int = 0) -> None:
    """In a process that reads windows: the process that trains decides when to stop, and until then it needs windows.

    It may end this one by SIGTERM; from any other process that signal has no effect, where the system tells the sender.
    """
    passing = {signal.SIGINT, signal.SIGHUP, signal.SIGUSR1}
    for number in passing:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, passing)
    if hasattr(signal, "sigwaitinfo"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_wait_for_the_mother, daemon=True).start()
    else:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _wait_for_the_mother() -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(0)  # PyTorch takes any other end for a failure, and raises in the mother
