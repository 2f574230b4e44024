"""The exceptions and exit codes of work that a signal stopped; without torch, for the command line."""

import signal

EXIT_CODES = {  # SIGHUP: the terminal was closed; 75: temporary failure, a scheduler may try again
    signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGHUP: 129, signal.SIGUSR1: 75,
}  # fmt: skip


class Stopped(SystemExit):
    """Work that stopped after a step because of a signal; everything needed to resume is saved.

    `step` is None if the signal came before the first or after the last step.
    """

    def __init__(self, number: int, step: int | None) -> None:
        super().__init__(EXIT_CODES[signal.Signals(number)])
        self.name, self.step = signal.Signals(number).name, step


class Left(Stopped):
    """Work that stopped at a step chosen in advance, without a signal."""
