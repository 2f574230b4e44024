"""A file of another kind than what is to be written is never replaced; an empty one, or one of that kind, is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genolong.commands.arrow_file import ArrowFile, arrow
from genolong.commands.maps.map_table import TextTable
from genolong.commands.variants.skipped import COLUMNS, SkippedTable
from genolong.errors import OutputError
from genolong.genome.files.other_kinds import refuse_other_kind


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>\n<p>", b"<!doctype HTML>"])
def test_what_begins_alike_or_is_empty_may_be_replaced(tmp_path: Path, content: bytes):
    (tmp_path / "x.html").write_bytes(content)
    refuse_other_kind(tmp_path / "x.html", b"<!DOCTYPE html>", "a page")


@pytest.mark.parametrize("content", [b"<", b"<!DOCTYPE htm", b"# Notes about a page", b"\n<!DOCTYPE html>"])
def test_anything_else_may_not(tmp_path: Path, content: bytes):
    (tmp_path / "x.html").write_bytes(content)
    with pytest.raises(OutputError) as refusal:
        refuse_other_kind(tmp_path / "x.html", b"<!DOCTYPE html>", "a page")
    wanted = f"{tmp_path}/x.html: exists, and is not a page; name another file, or remove this one"
    assert (str(refusal.value), refusal.value.exit_code) == (wanted, 73)


def test_what_is_no_file_is_left_to_what_writes(tmp_path: Path):
    refuse_other_kind(tmp_path, b"{", "JSON")
    refuse_other_kind(tmp_path / "none" / "x", b"{", "JSON")


def parquet(path: Path) -> ArrowFile:
    library, _ = arrow()
    return ArrowFile(path, library.schema([("x", library.int64())]), [])


@pytest.mark.parametrize(
    ("write", "begin"), [(SkippedTable, COLUMNS), (TextTable, b"contig\tstart\tend\n"), (parquet, b"PAR1\0")]
)
def test_tables_replace_only_their_like(tmp_path: Path, write: Callable[[Path], Any], begin: bytes):
    if write is parquet:
        pytest.importorskip("pyarrow")
    path = tmp_path / "x"
    path.write_bytes(b"of a year's work\n")
    with pytest.raises(OutputError, match=r"x: exists, and is not (a|the) .*; name another file, or remove this one"):
        write(path)
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"of a year's work\n"]
    path.write_bytes(begin)
    write(path).discard()
