"""What a record says, as parts of a page; a record that says little or nonsense is shown as far as it goes."""

import pytest

from genolong.report import record_sections as told
from tests.builders.pages import Page

RECORD = {
    "status": "finished", "started": "2026-01-02T03:04:05+00:00", "finished": "2026-01-02T03:05:45+00:00",
    "steps": 300, "bases": 600_000, "seed": 7,
    "settings": {"seed": 7, "run": {"name": "x"}, "data": {"fasta": ["a", 1]}},
    "inputs_sha256": {"/a.fa": "ab" * 32}, "regions_sha256": {"/b.bed": "cd" * 32},
}  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.4, "0 s"), (59.0, "59 s"), (200.0, "3 min 20 s"), (18_720.0, "5 h 12 min"), (183_600.0, "2 d 3 h")],
)
def test_times_are_told_as_people_do(seconds: float, shown: str):
    assert told.duration(seconds) == shown


def test_the_speed_is_that_of_the_last_command():
    assert "3 bases a second 6,000" in Page(told.cost(RECORD)).text
    resumed = {**RECORD, "resumed": [{"step": 100, "from": "x"}, {"step": 200, "from": "x"}]}
    assert (
        "time of the last 100 steps 1 min 40 s steps a second 1 bases a second 2,000" in Page(told.cost(resumed)).text
    )
    assert "bases a second" not in Page(told.cost({**RECORD, "resumed": [{"step": None}]})).text


def test_what_was_another_until_a_run_went_on_is_told():
    went = {"step": 7, "from": "a.ckpt", "then": {"trainer.max_steps": 7}, "another": ["torch: 2 then, 3 now"]}
    text = Page(told.provenance({**RECORD, "resumed": [went]})).text
    assert "after step 7 of a.ckpt; trainer.max_steps=7 until then; torch: 2 then, 3 now" in text


@pytest.mark.parametrize(
    ("diff", "shown"),
    [("", "none"), ("-a\n+b", "yes; the diff, sha256 abc, is in the record"), (None, "yes; the diff")],
)
def test_what_was_changed_in_the_code_is_told(diff: str | None, shown: str):
    record = {**RECORD, "code": {"commit": "def", "diff": diff, "diff_sha256": "abc"}}
    assert f"genolong commit def uncommitted changes {shown}" in Page(told.provenance(record)).text
    assert "uncommitted" not in Page(told.provenance(RECORD)).text


def test_nothing_is_made_up_where_the_record_is_silent():
    text = Page(told.cost({"settings": {}})).text
    assert "a second" not in text and "Memory was not recorded" in text
    assert "waiting" not in text
    assert "waiting for data 2.0 s, 2.0% of the time" in Page(told.cost({**RECORD, "waited_for_data_s": 2.0})).text
    assert (
        "peak memory of the first process 3.15 MB"
        in Page(told.cost({**RECORD, "peak_memory_bytes": {"host": 3 << 20}})).text
    )
    assert "does not say how the genome was split" in Page(told.composition(RECORD)).text
    assert told.seconds_of({"started": "yesterday", "finished": 3}) is None
    assert told.moment({"started": "x"}, "started") == "at an unknown time"


def test_settings_are_grouped_and_written_as_they_are_typed():
    page = Page(told.settings(RECORD))
    assert [each.tag for each in page.elements].count("details") == 3
    assert "general 1 setting seed 7" in page.text and "data.fasta [a,1]" in page.text


def test_every_file_that_was_read_has_its_hash():
    text = Page(told.files_read(RECORD)).text
    assert "/a.fa sha256 " + "ab" * 32 in text and "/b.bed sha256 " + "cd" * 32 in text


def test_a_run_that_did_not_finish_has_no_command():
    assert "has not finished" in told.made_again({**RECORD, "status": "started"}, "/x")
    assert "genolong reproduce run=/x" in told.made_again(RECORD, "/x")


def test_the_split_is_shown_with_what_is_left_out():
    row = {"contig": "chr1", "length": 1_000, "train": 900, "validation": 50}
    others = {"contigs": 3, "length": 30, "train": 20, "validation": 0}
    text = Page(told.composition({"split": {"contigs": [row], "others": others, "notes": ["a note"]}})).text
    assert "chr1 1,000 900 50" in text and "and 3 shorter contigs: 30 bases, 20 for training" in text
    assert text.endswith("a note")


@pytest.mark.parametrize("part", [told.settings, told.files_read, told.composition, told.cost, told.provenance])
def test_nonsense_is_no_markup(part):
    nasty = "<script>x</script>"
    record = {
        "settings": {nasty: {nasty: nasty}, "x": nasty}, "inputs_sha256": {nasty: nasty}, "status": nasty,
        "split": {"contigs": [{"contig": nasty}, 3], "others": [], "notes": [nasty]}, "versions": {"genolong": nasty},
        "resumed": [{"step": nasty, "from": nasty, "then": {nasty: nasty}, "another": [nasty]}],
        "machine": nasty, "command": [nasty], "code": {"commit": nasty},
        "weights_sha256": nasty, "started": nasty, "steps": nasty, "peak_memory_bytes": {"host": nasty},
    }  # fmt: skip
    assert "<script" not in part(record)
