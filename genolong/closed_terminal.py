"""Lets work continue after its terminal was closed (as with nohup or disown); further output is discarded."""

import errno
import io
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, TextIO


def leave_closed_terminals() -> None:
    """Redirects stdout and stderr to /dev/null if their terminal was closed: writing to it would raise.

    A closed terminal is still a character device, but no longer reports itself as a terminal.
    """
    for descriptor in (1, 2):
        with suppress(OSError):
            if stat.S_ISCHR(os.fstat(descriptor).st_mode) and not os.isatty(descriptor):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, descriptor)
                os.close(nowhere)


def fill_closed_streams() -> None:
    """Opens /dev/null for standard streams closed at the start (>&-), so that no other file receives their output.

    What is printed is discarded. But writing a result to descriptor 1 fails, because it would be lost.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDONLY if descriptor == 1 else os.O_RDWR)  # takes the lowest number, this one
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115


@contextmanager
def outliving_terminals() -> Iterator[None]:
    """While the context lasts, stdout and stderr may be terminals that are closed without any signal."""
    with ExitStack() as stack:
        for stream, redirected in ((sys.stdout, redirect_stdout), (sys.stderr, redirect_stderr)):
            if stream is not None and stream.isatty():
                stack.enter_context(redirected(_outliving(stream)))
        yield


class _Terminal(io.FileIO):
    """A terminal's output, discarded once the terminal is closed."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            leave_closed_terminals()
            return memoryview(data).nbytes


def _outliving(stream: TextIO) -> TextIO:
    terminal = io.BufferedWriter(_Terminal(stream.fileno(), "wb", closefd=False))
    return io.TextIOWrapper(terminal, encoding=stream.encoding, errors=stream.errors, line_buffering=True)
