"""What a person can mend: one line that says where, what was found, what was wanted, the remedy; and its exit code."""


class InputError(Exception):
    """Bad data (exit 65): the message names the file and line, what was found, what was wanted, and the remedy."""

    exit_code = 65


class RefusedRecordError(InputError):
    """A record that another setting would take (exit 65): what was done until then is kept, to go on from there."""


class SettingsError(InputError):
    """A setting that cannot be right (exit 64): the message starts with the setting's full name."""

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


class UnsafeInputError(InputError):
    """A file that could run code if it were loaded (exit 77)."""

    exit_code = 77


class LostProcessError(InputError):
    """A process of several died or fell silent (exit 75): the same command may go through when it is tried again."""

    exit_code = 75


class BusyError(InputError):
    """A folder in which another process works (exit 75): the same command may go through when it is tried again."""

    exit_code = 75
