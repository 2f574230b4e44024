"""What is said on a terminal is there to be read; once it is closed it goes nowhere, and whoever says it goes on."""

import io
import os
import pty
import signal
import sys
from pathlib import Path

from genolong.closed_terminal import outliving_terminals

BEGINNING = """
import os, sys, time
from contextlib import nullcontext
from genolong.closed_terminal import outliving_terminals
def say(text):
    print(text, flush=True)
    print(text, file=sys.stderr)
def wait():
    while os.isatty(2):
        time.sleep(0.01)
"""


def begun(code: str) -> tuple[int, int]:
    """A program that no signal tells of its terminal's end: its process, and the terminal."""
    child, terminal = pty.fork()
    if child == 0:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.execv(sys.executable, [sys.executable, "-c", BEGINNING + code])
    return child, terminal


def ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def read(terminal: int, end: bytes) -> str:
    said = b""
    while not said.endswith(end):
        said += os.read(terminal, 100)
    return said.decode()


def test_what_is_said_is_there():
    child, terminal = begun("with outliving_terminals():\n say('one é')\n say(sys.stderr.isatty())")
    assert read(terminal, b"True\r\nTrue\r\n") == "one é\r\none é\r\nTrue\r\nTrue\r\n"
    assert ended(child) == 0


def test_once_it_is_closed_nothing_is_said_and_nothing_raised(tmp_path: Path):
    told = f"open({str(tmp_path / 'end')!r}, 'w').write(str(sys.stderr.isatty()))"
    child, terminal = begun(
        f"with outliving_terminals():\n say('ready')\n wait()\n say('nobody reads this')\n say('nor this')\n {told}"
    )
    read(terminal, b"ready\r\nready\r\n")
    os.close(terminal)
    assert (ended(child), (tmp_path / "end").read_text()) == (0, "False")


def test_without_it_saying_something_raises():
    child, terminal = begun("say('ready')\nwait()\nsay('nobody reads this')")
    read(terminal, b"ready\r\nready\r\n")
    os.close(terminal)
    assert ended(child) != 0


def test_what_is_no_terminal_stays_what_it_is(monkeypatch):
    text = io.StringIO()
    monkeypatch.setattr(sys, "stdout", text)
    monkeypatch.setattr(sys, "stderr", None)  # as of a program without a console
    with outliving_terminals():
        assert sys.stdout is text and sys.stderr is None
