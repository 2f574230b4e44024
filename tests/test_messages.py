"""Tables fit the screen on a terminal only: in a file, no name is cut or wrapped."""

import pytest

from genolong.messages import show
from genolong.report.figures import Table


def test_a_table_in_a_file_is_as_wide_as_it_needs_to_be(capsys: pytest.CaptureFixture[str], monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    names = [f"criteria_provided__single_submitter_{number}" * 2 for number in range(4)]
    show(Table("a title", ("score", *names), (("GENOLONG_LLR", *names),)))
    lines = capsys.readouterr().out.splitlines()
    assert all(any(name in line for line in lines) for name in names)
    assert len([line for line in lines if names[3] in line]) == 2, "head and row"
    assert len(max(lines, key=len)) < 400
