"""How a command ends when it was stopped or fails: one line with a remedy, and an exit code (after sysexits)."""

import errno
import os
import sys
from typing import NoReturn

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from genolong.composing import FOLDERS, as_settings_error
from genolong.errors import InputError
from genolong.parallel.stopped import Stopped
from genolong.quoted import quoted_setting


def reader_left() -> NoReturn:
    """Exits because the reader of stdout (such as `head`) closed it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(141) from None


def fail(error: Exception, command: str) -> NoReturn:
    """Prints the error in one line on stderr, and exits with its code."""
    raise SystemExit(tell_error(error, command)) from None


def tell_error(error: Exception, command: str) -> int:
    """Prints the error in one line on stderr, and returns its exit code."""
    line, code = explain(error, command)
    print(f"genolong: error: {' '.join(line.split())}", file=sys.stderr)
    return code


def explain(error: Exception, command: str) -> tuple[str, int]:
    """The message for a command's error, and its exit code."""
    if isinstance(error, (HydraException, OmegaConfBaseException, YAMLError)):
        error = as_settings_error(error, FOLDERS[command], command)
    if isinstance(error, InputError):
        return str(error), error.exit_code
    if isinstance(error, ConnectionError) and error.filename is None:
        return f"lost the connection to another process ({error.strerror or error}); run the same command again", 75
    if isinstance(error, OSError):
        kinds = (PermissionError, FileExistsError, NotADirectoryError)
        cannot_create = isinstance(error, kinds) or error.errno == errno.EROFS
        advice = "; name another place to write to" if error.errno == errno.EROFS else ""
        return f"{error.filename or 'the disk'}: {error.strerror or error}{advice}", 73 if cannot_create else 74
    if isinstance(error, UnicodeEncodeError) and not sys.flags.utf8_mode:
        return f"{error.object!a}: letters that this terminal's language settings do not have; set PYTHONUTF8=1", 73
    return f"{type(error).__name__}: {error} (a bug in genolong; debug=true shows where)", 70


def told_of(stopped: Stopped, folder: str | None, command: str, *, swept: bool = False, piped: bool = False) -> str:
    """The message for work stopped by a signal, with the command that continues it, if it can.

    `folder` is a training's folder; None if the same command finds it again. What reads or writes a pipe starts over.
    """
    if command not in ("train", "train_variants"):
        aim = "continue" if command in ("predict", "embed", "map") and not piped else "start over"
        return f"stopped by {stopped.name}; run the same command again to {aim}"
    again = "run the same command again"
    if folder is not None:
        where = quoted_setting("hydra.run.dir", folder)
        again = f"run the same command with {where}"
        if swept:
            again = f"run the same command without -m, with this run's values and {where},"
    if stopped.step is None:
        return f"stopped by {stopped.name} outside of its steps; {again} to continue"
    if stopped.step == 0:
        return f"stopped by {stopped.name} before its first step; {again} to start over"
    return f"stopped by {stopped.name} after step {stopped.step}; {again} to continue"
