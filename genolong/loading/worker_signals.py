"""Signals that a scheduler or a terminal sends to all processes at once, which those that read windows let pass."""

import os
import signal
import threading


def obey_the_mother_alone(_: int = 0) -> None:
    """In a process that reads windows: the process that trains decides when to stop, and until then it needs windows.

    It may end this one by SIGTERM; from any other process that signal has no effect, where the system tells the sender.
    """
    for number in (signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_wait_for_the_mother, daemon=True).start()


def _wait_for_the_mother() -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(143)
