"""A terminal that was closed while work goes on, as after nohup or disown: what is still said there goes nowhere."""

import errno
import io
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, TextIO


def leave_closed_terminals() -> None:
    """What is still said there would raise; a terminal that was closed no longer says that it is one."""
    for descriptor in (1, 2):
        with suppress(OSError):
            if stat.S_ISCHR(os.fstat(descriptor).st_mode) and not os.isatty(descriptor):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, descriptor)
                os.close(nowhere)


def fill_closed_streams() -> None:
    """Of standard streams that were closed when this began (>&-) what is said goes nowhere, and into no other file."""
    while (nowhere := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(nowhere)
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, io.TextIOWrapper(io.FileIO(descriptor, "w", closefd=False), write_through=True))


@contextmanager
def outliving_terminals() -> Iterator[None]:
    """Within this, stdout and stderr may be terminals that are closed, of which no signal tells."""
    with ExitStack() as stack:
        for stream, redirected in ((sys.stdout, redirect_stdout), (sys.stderr, redirect_stderr)):
            if stream is not None and stream.isatty():
                stack.enter_context(redirected(_outliving(stream)))
        yield


class _Terminal(io.FileIO):
    """The bytes of one, until it is closed."""

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
