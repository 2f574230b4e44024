"""The record of a run that is gone on with is what a training wrote, or one line says what is not."""

import json
from pathlib import Path
from typing import Any

import pytest

from genolong.errors import InputError, MissingInputError
from genolong.runs.begun_record import begun_record

RECORD = {"status": "started", "settings": {"seed": 1}, "inputs_sha256": {"a.fa": "abc"}, "resumed": [{"step": 3}]}


def test_a_record_comes_back_and_where_there_is_none_nothing_does(tmp_path: Path):
    assert begun_record(tmp_path) == {}
    for record in (RECORD, {"settings": {}}):
        (tmp_path / "record.json").write_text(json.dumps(record))
        assert begun_record(tmp_path) == record


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([1], "holds no settings; wanted the record of a run"),
        ({}, "holds no settings; wanted the record of a run"),
        ({**RECORD, "settings": 3}, "holds no settings"),
        ({**RECORD, "resumed": 3}, "resumed: found 3, wanted a list"),
        ({**RECORD, "resumed": [3]}, "resumed.0: found 3, wanted a mapping"),
        ({**RECORD, "resumed": [{"step": 1}, {"from": "x"}]}, "resumed.1: found no step, wanted a whole number"),
        ({**RECORD, "resumed": None}, "resumed: found null, wanted a list"),
        ({**RECORD, "status": ["finished"]}, r"status: found \['finished'\], wanted text"),
        ({**RECORD, "inputs_sha256": "abc"}, "inputs_sha256: found abc, wanted a mapping"),
        ({**RECORD, "regions_sha256": []}, r"regions_sha256: found \[\], wanted a mapping"),
    ],
)
def test_what_is_of_another_kind_is_told_with_the_remedy(tmp_path: Path, content: Any, words: str):
    path = tmp_path / "record.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=words) as caught:
        begun_record(tmp_path)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).endswith("; put back the record of this run, or use a new folder")
    assert caught.value.exit_code == 65


def test_a_record_that_is_no_file_cannot_be_read(tmp_path: Path):
    (tmp_path / "record.json").mkdir()
    with pytest.raises(MissingInputError, match=r"record.json: cannot be read .*; put back the record"):
        begun_record(tmp_path)
