"""Errors that a user can fix: each message says where, what was found, what was wanted, and how to fix it."""


class InputError(Exception):
    """Bad data (exit 65): the message names the file and line, what was found, what was wanted, and the remedy."""

    exit_code = 65


class RefusedRecordError(InputError):
    """A record that another setting would accept (exit 65): work done until then is kept, so that it can be resumed."""


class SettingsError(InputError):
    """A wrong setting (exit 64): the message starts with the setting's full name."""

    exit_code = 64


class MissingInputError(InputError):
    """A file that does not exist or cannot be read (exit 66)."""

    exit_code = 66


class NumericalError(InputError):
    """A loss or a weight that is no longer a finite number (exit 70)."""

    exit_code = 70


class OutputError(InputError):
    """A file or folder that cannot be created (exit 73)."""

    exit_code = 73


class FinishedRunError(OutputError):
    """A folder that already holds the requested training, finished; for the command line that is no failure."""


class UnsafeInputError(InputError):
    """A file that could run code if it were loaded (exit 77)."""

    exit_code = 77


class LostProcessError(InputError):
    """One of several processes died or stopped responding (exit 75): the same command may succeed when repeated."""

    exit_code = 75


class BusyError(InputError):
    """A folder that another process is working in (exit 75): the same command may succeed when repeated."""

    exit_code = 75
