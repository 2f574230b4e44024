"""Files of scores and of embeddings are compared number by number; what only one of them has is named."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genolong.commands.repeating.compared_results import compare_files
from genolong.genome.files.hashed import sha256_of
from tests.builders.vcfs import HEADER, record_line, vcf_text

SCORE = b'##INFO=<ID=S,Number=A,Type=Float,Description="a score">\n'


@pytest.fixture
def now(tmp_path: Path) -> Path:
    (tmp_path / "then").mkdir()
    (tmp_path / "now").mkdir()
    return tmp_path / "now"


def line_of(now: Path, name: str, made_by: str) -> str:
    """How the file in one folder compares with that of the same name in the other, which its record describes."""
    then = now.parent / "then"
    record: dict[str, Any] = {"made_by": made_by, "settings": {}, "output_sha256": sha256_of(then / name)}
    result = compare_files(then, record, now / name)
    assert not result.same and result.line.startswith(f"{name} has a different sha256; ")
    return result.line.partition("; ")[2]


def scores(path: Path, *values: str) -> None:
    lines = (record_line(pos=pos, alt="C,G", info=f"S={value}") for pos, value in enumerate(values, 1))
    path.write_bytes(vcf_text(*lines, header=(HEADER[0], SCORE, *HEADER[1:])))


@pytest.mark.parametrize(
    ("then", "now_", "line"),
    [
        (["1,2", "3,4"], ["1,2", "3,5"], "1 of 4 figures differ, S of allele 2 of record 2 most, by 0.2 of its size"),
        (["1,.", "3,4"], ["1,.", "3,8"], "1 of 3 figures differ, S of allele 2 of record 2 most, by 0.5 of its size"),
        (["1,."], ["1,2"], "1 of 2 figures differ: S of allele 2 of record 1 is a number in one of them only"),
        (["1,2", ".,."], ["1,2"], "1 of 3 figures differ: record 2 is a number in one of them only"),
        (["1,2"], ["1,2", "3,4"],
         "3 of 5 figures differ: S of allele 1 of record 2 is a number in one of them only"),
        (["1.0,2"], ["1,2"], "all 2 figures are the same to the last bit"),
    ],
)  # fmt: skip
def test_scores_are_compared_record_by_record(now: Path, then: list[str], now_: list[str], line: str):
    scores(now.parent / "then" / "x.vcf", *then)
    scores(now / "x.vcf", *now_)
    assert line_of(now, "x.vcf", "predict") == line


def embeddings(path: Path, *states: list[float]) -> None:
    arrow = pytest.importorskip("pyarrow", reason="needs pyarrow, which comes with genolong[parquet]")
    parquet = pytest.importorskip("pyarrow.parquet")
    flat = arrow.array(np.array(states, np.float32).ravel())
    columns = {
        "name": arrow.array([f"r{number}" for number in range(len(states))]),
        "embedding": arrow.FixedSizeListArray.from_arrays(flat, 3),
    }
    parquet.write_table(arrow.table(columns), path)


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ([[0.0, 4.0, 8.0]],
         "1 of 6 figures differ, channel 3 of embedding 2 (r1) most, by 0.5 of its size"),
        ([], "1 of 4 figures differ: embedding 2 is a number in one of them only"),
        ([[0.0, 4.0, 4.0], [1.0, 1.0, 1.0]], "1 of 7 figures differ: embedding 3 is a number in one of them only"),
    ],
)  # fmt: skip
def test_embeddings_are_compared_row_by_row(now: Path, more: list[list[float]], line: str):
    embeddings(now.parent / "then" / "x.parquet", [1.0, 2.0, 3.0], [0.0, 4.0, 4.0])
    embeddings(now / "x.parquet", [1.0, 2.0, 3.0], *more)
    assert line_of(now, "x.parquet", "embed") == line
