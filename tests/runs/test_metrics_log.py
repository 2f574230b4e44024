"""metrics.csv holds every row once, whatever was logged, cut off or resumed."""

import csv
from pathlib import Path

import pytest

from genolong.runs.metrics_log import MetricsLog, lost_rows, rows_before, rows_of


def logged(path: Path, steps: range, earlier: list[dict[str, str]]) -> MetricsLog:
    log = MetricsLog(path, earlier)
    log.begin()
    for step in steps:
        log.log_metrics({"train/loss": step / 7, "epoch": 0}, step)
        if step % 3 == 2:
            log.log_metrics({"validation/loss": step / 11, "epoch": 0}, step)
    log.finalize("success")
    return log


def test_a_row_is_in_the_file_at_once_and_new_columns_join_it(tmp_path: Path):
    path = tmp_path / "metrics.csv"
    log = logged(path, range(4), [])
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["0", "1", "2", "2", "3"]
    assert [row["validation/loss"] for row in rows] == ["", "", "", str(2 / 11), ""]
    assert list(rows[0]) == ["epoch", "step", "train/loss", "validation/loss"]
    assert log.latest == {"train/loss": 3 / 7, "validation/loss": 2 / 11}


def test_a_resumed_log_is_the_one_that_was_never_interrupted(tmp_path: Path):
    whole, path = tmp_path / "whole.csv", tmp_path / "metrics.csv"
    expected = logged(whole, range(11), [])
    for step in range(9):
        logged(path, range(9), [])
        with path.open("a") as file:
            file.write("0,9,1.2")  # cut off
        log = logged(path, range(step, 11), rows_before(path, step, validated=True))
        assert path.read_bytes() == whole.read_bytes()
        assert log.latest == expected.latest


@pytest.mark.parametrize("step", range(8))
def test_the_rows_before_a_validation_that_was_left_are_without_it(tmp_path: Path, step: int):
    logged(tmp_path / "metrics.csv", range(7), [])
    rows = rows_before(tmp_path / "metrics.csv", step, validated=False)
    assert [row["step"] for row in rows if row["train/loss"]] == [str(at) for at in range(min(step, 7))]
    assert [row["step"] for row in rows if row["validation/loss"]] == [str(at) for at in (2, 5) if at < step - 1]


def test_where_nothing_was_logged_there_are_no_rows(tmp_path: Path):
    assert rows_of(tmp_path / "none.csv") == rows_before(tmp_path / "none.csv", 7, validated=True) == []


def test_what_is_no_text_has_no_rows(tmp_path):
    (tmp_path / "metrics.csv").write_bytes(b"\xff\xfe\x00\x9d,\n\xc3\x28\n")
    assert rows_before(tmp_path / "metrics.csv", 7, validated=True) == []


def test_rows_without_numbers_are_left_out_and_told(tmp_path: Path):
    path = tmp_path / "metrics.csv"
    logged(path, range(5), [])
    assert lost_rows(path, 5) == ()
    head, *rows = path.read_text().splitlines(keepends=True)
    broken = [rows[0].replace(rows[0].split(",")[2], "x"), "0,-1,0.1,\n", "0,²,0.1,\n", "1,2\n", "1,2,3,4,5\n"]
    path.write_text("".join([head, *broken, *rows[1:], "0,6"]))
    assert [row["step"] for row in rows_of(path)] == ["1", "2", "2", "3", "4"]
    assert lost_rows(path, 5) == (
        f"{path}, line 2: the first of 5 rows without a number in every column; left out",
        f"{path}: has no row for 1 of 5 steps; what was logged for them is lost",
    )
    path.write_text("".join([head, *rows[:2], broken[0], *rows[2:]]))
    assert lost_rows(path, 5) == (f"{path}, line 4: a row without a number in every column; left out",)
    path.write_text(head + '"' + "x" * 200_000)  # longer than the csv module reads
    assert rows_of(path) == []
    assert lost_rows(path, 1) == (f"{path}: has no row for 1 of 1 step; what was logged for them is lost",)
    path.unlink()
    assert lost_rows(path, 1) == (f"{path}: is missing; what was logged for 1 step is lost",)
    assert lost_rows(path, 0) == ()
