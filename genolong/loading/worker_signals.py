"""Makes data workers ignore signals that a scheduler or terminal sends to all processes at once."""

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
    """For starting data workers: they inherit blocked signals, so none can end a worker before it ignores them."""
    if multiprocessing.get_start_method() != "fork":
        resource_tracker.ensure_running()  # starting it within the block would unblock the signals
    with held_back(*EXIT_CODES):
        yield


def obey_the_mother_alone(_: int = 0) -> None:
    """In a data worker: ignore stop signals, because the training process needs windows until it decides to stop.

    Only the parent can end the worker, by SIGTERM, if the system tells who sent a signal; otherwise any sender can.
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
    os._exit(0)  # PyTorch would treat any other ending as a failure and raise in the parent
