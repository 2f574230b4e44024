"""The table of alleles without a score: its rows, and that it goes on where it was stopped."""

from pathlib import Path

import pytest

from genolong.commands.variants.skipped import COLUMNS, SkippedTable
from genolong.errors import OutputError
from genolong.genome.alleles import Status
from genolong.genome.vcf import Record, VcfReader
from tests.builders.vcfs import record_line, vcf_text


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    lines = [record_line("1", 7, "A", "*,C"), b"chr\xff\tx\t.\tA\t<DEL>\t.\t.\t.", b"", record_line("2", 0)]
    (tmp_path / "in.vcf").write_bytes(vcf_text(*lines))
    with VcfReader(tmp_path / "in.vcf") as reader:
        return list(reader)


def add(table: SkippedTable, record: Record) -> None:
    table.add(record, (record.alternates or (record.malformed.encode(),))[0], Status.STAR)


def test_rows(tmp_path: Path, records: list[Record]):
    table = SkippedTable(tmp_path / "skipped.tsv")
    for record in records:
        add(table, record)
    assert not (tmp_path / "skipped.tsv").exists()
    table.finish()
    assert (tmp_path / "skipped.tsv").read_bytes() == COLUMNS + (
        b"5\t1\t7\tA\t*\tstar\n6\tchr\xff\t\tA\t<DEL>\tstar\n7\t\t\t\ta blank line\tstar\n8\t2\t0\tA\tC\tstar\n"
    )


@pytest.mark.parametrize("stop", range(4))
def test_resumed_is_the_same(tmp_path: Path, records: list[Record], stop: int):
    whole, table = SkippedTable(tmp_path / "whole.tsv"), SkippedTable(tmp_path / "x.tsv")
    for record in records:
        add(whole, record)
    whole.finish()
    for record in records[:stop]:
        add(table, record)
    reached = table.flush()
    add(table, records[0])  # is lost
    table.flush()
    table.close()
    table = SkippedTable(tmp_path / "x.tsv", reached)
    for record in records[stop:]:
        add(table, record)
    table.finish()
    assert (tmp_path / "x.tsv").read_bytes() == (tmp_path / "whole.tsv").read_bytes()


def test_discarded_leaves_nothing(tmp_path: Path):
    SkippedTable(tmp_path / "x.tsv").discard()
    assert not list(tmp_path.iterdir())
    with pytest.raises(OutputError, match="there is no folder"):
        SkippedTable(tmp_path / "nowhere" / "x.tsv")
