"""How a work ends that a signal asked to stop; knows no torch, so that the command line may know it."""

import signal

EXIT_CODES = {  # SIGHUP: the terminal was closed; 75: try again, as a scheduler may
    signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGHUP: 129, signal.SIGUSR1: 75,
}  # fmt: skip


class Stopped(SystemExit):
    """A work that stopped after a step because a signal asked for it; what is needed to go on is saved.

    None: it was not at its steps, but before or behind them.
    """

    def __init__(self, number: int, step: int | None) -> None:
        super().__init__(EXIT_CODES[signal.Signals(number)])
        self.name, self.step = signal.Signals(number).name, step


class Left(Stopped):
    """A work that was to stop there: no signal came."""
