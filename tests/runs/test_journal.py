"""A journal gives back what was noted last, to the same command alone."""

import json
from pathlib import Path

import pytest

from genolong.errors import InputError, SettingsError
from genolong.runs.journal import Journal

IDENTITY = {"vcf_sha256": "abc", "mode": "exact", "window": 7, "tuple": (1, 2)}


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out.vcf.gz"


def test_what_was_noted_last_comes_back(output: Path):
    journal = Journal(output, IDENTITY)
    assert journal.state() is None
    journal.note({"offset": 1})
    journal.note({"offset": 2, "tally": {"ok": 3}})
    assert Journal(output, IDENTITY).state() == {"offset": 2, "tally": {"ok": 3}}
    assert [path.name for path in output.parent.iterdir()] == ["out.vcf.gz.journal"]
    journal.remove()
    journal.remove()
    assert journal.state() is None and not list(output.parent.iterdir())


@pytest.mark.parametrize("other", [
    {**IDENTITY, "mode": "shared", "window": 8}, {**IDENTITY, "more": None, "mode": 1, "window": 1},
    {key: value for key, value in IDENTITY.items() if key not in ("mode", "window")},
])  # fmt: skip
def test_another_command_is_refused_and_told_what_differs(output: Path, other: dict):
    Journal(output, IDENTITY).note({"offset": 1})
    with pytest.raises(SettingsError) as refusal:
        Journal(output, other).state()
    assert str(refusal.value) == (
        f"{output}.journal: holds an unfinished result of another command, which differs in mode, window; "
        "run that command again to finish it, or start over with resume=no"
    )
    Journal(output, other).note({"offset": 5})  # anew
    assert Journal(output, other).state() == {"offset": 5}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"7", b"\xff", b'{"format": 1}', b'{"format": 1, "identity": 3, "state": {}}']
)
def test_what_is_no_journal_is_refused(output: Path, content: bytes):
    Path(f"{output}.journal").write_bytes(content)
    with pytest.raises(
        InputError, match=r"out\.vcf\.gz\.journal: cannot be read \(\w+: .*\); start over with resume=no"
    ):
        Journal(output, IDENTITY).state()


def test_another_format_is_refused(output: Path):
    text = json.dumps({"format": 2, "identity": IDENTITY, "state": {}})
    Path(f"{output}.journal").write_text(text)
    with pytest.raises(InputError) as refusal:
        Journal(output, IDENTITY).state()
    assert str(refusal.value) == f"{output}.journal: format 2, this version reads 1; start over with resume=no"


def test_a_folder_that_is_not_there_holds_no_journal(tmp_path: Path):
    assert Journal(tmp_path / "nowhere" / "out.vcf", IDENTITY).state() is None
    (tmp_path / "file").touch()
    assert Journal(tmp_path / "file" / "out.vcf", IDENTITY).state() is None
