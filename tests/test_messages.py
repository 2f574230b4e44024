"""Tables fit the screen on a terminal only: in a file, no name is cut or wrapped. A message is written at once."""

import io
import logging
import sys

import pytest

from genolong.messages import Lines, show
from genolong.report.figures import Table


def test_a_table_in_a_file_is_as_wide_as_it_needs_to_be(capsys: pytest.CaptureFixture[str], monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    names = [f"criteria_provided__single_submitter_{number}" * 2 for number in range(4)]
    show(Table("a title", ("score", *names), (("GENOLONG_LLR", *names),)))
    lines = capsys.readouterr().out.splitlines()
    assert all(any(name in line for line in lines) for name in names)
    assert len([line for line in lines if names[3] in line]) == 2, "head and row"
    assert len(max(lines, key=len)) < 400


class Interrupted(io.StringIO):
    """A stream after each of whose writes a signal's handler raises an error."""

    def write(self, text: str) -> int:
        super().write(text)
        raise RuntimeError("a process was killed")


def test_a_signal_cannot_come_between_a_message_and_the_end_of_its_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    monkeypatch.setattr(sys, "stderr", Interrupted())
    Lines().handle(logging.makeLogRecord({"msg": "step %d", "args": (60,)}))
    Lines().handle(logging.makeLogRecord({"msg": "the error"}))
    assert isinstance(sys.stderr, io.StringIO) and sys.stderr.getvalue() == "step 60\nthe error\n"
