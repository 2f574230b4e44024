"""Tracks: a line or an entry for every base that has a value, none for the others, and nothing left of a failure."""

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.errors import OutputError
from genolong.genome import tracks
from genolong.genome.coordinates import Interval
from genolong.genome.tracks import BedGraph, BigWig, big_wig_library, shown

LENGTHS = {"a": 211, "b": 97, "c": 53}
VALUES = st.one_of(st.just(math.nan), st.floats(-9, 9), st.sampled_from([0.0, -0.0, -0.00001]))
PIECES = st.lists(st.tuples(st.integers(0, 5), st.lists(VALUES, min_size=1, max_size=17)), max_size=5)


def placed(pieces: list[tuple[int, list[float]]]) -> list[tuple[Interval, np.ndarray]]:
    """Intervals of each contig one after the other, so many bases apart, with their values."""
    found = []
    for contig in ("a", "c"):
        at = 0
        for gap, values in pieces:
            start = at + gap
            at = start + len(values)
            if at <= LENGTHS[contig]:
                found.append((Interval(contig, start, at), np.array(values)))
    return found


def plain(pieces: list[tuple[Interval, np.ndarray]]) -> dict[tuple[str, int], float]:
    """Base by base, to four decimals."""
    return {
        (interval.contig, interval.start + at): round(float(value), 4)
        for interval, values in pieces
        for at, value in enumerate(values)
        if not math.isnan(value)
    }


def read_bedgraph(path: Path) -> dict[tuple[str, int], float]:
    rows = [line.split("\t") for line in path.read_text().splitlines()]
    assert all(int(end) == int(start) + 1 for _, start, end, _ in rows)
    return {(contig, int(start)): float(value) for contig, start, _, value in rows}


@given(PIECES)
def test_bedgraph_has_every_value_in_order(tmp_path_factory, pieces: Any):
    given_ = placed(pieces)
    path = tmp_path_factory.mktemp("tracks") / "x.bedgraph"
    track = BedGraph(path)
    for interval, values in given_:
        track.write(interval, values)
    assert not path.exists()
    track.complete()
    found, wanted = read_bedgraph(path), plain(given_)
    assert list(found) == sorted(found) and found == wanted
    assert "-0.0000" not in path.read_text()


@given(PIECES)
def test_bigwig_has_every_value(tmp_path_factory, pieces: Any):
    library: Any = pytest.importorskip("pyBigWig")
    given_ = placed(pieces)
    path = tmp_path_factory.mktemp("tracks") / "x.bw"
    track = BigWig(path, LENGTHS)
    for interval, values in given_:
        track.write(interval, values)
    track.complete()
    with library.open(str(path)) as file:
        assert file.chroms() == LENGTHS
        found = {
            (contig, start): value
            for contig in LENGTHS
            for start, _, value in (file.intervals(contig) or ())
        }  # fmt: skip
    wanted = plain(given_)
    assert found == {place: float(np.float32(value)) for place, value in wanted.items()}
    assert {each.name for each in path.parent.iterdir()} == {"x.bw"}


def test_many_values_are_formatted_a_part_at_a_time(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(tracks, "_AT_ONCE", 7)
    values = np.linspace(-1, 1, 53)
    values[[6, 7, 30]] = np.nan
    track = BedGraph(tmp_path / "x.bedgraph")
    track.write(Interval("c", 0, 53), values)
    track.complete()
    assert read_bedgraph(tmp_path / "x.bedgraph") == plain([(Interval("c", 0, 53), values)])


def test_numbers_have_four_decimals():
    assert shown(np.array([1.0, -0.00004, 2.34567, -7.0])) == ["1.0000", "0.0000", "2.3457", "-7.0000"]


def test_nothing_is_left_of_what_is_not_wanted(tmp_path: Path):
    pytest.importorskip("pyBigWig")
    for track in (BedGraph(tmp_path / "x.bedgraph"), BigWig(tmp_path / "x.bw", LENGTHS)):
        track.write(Interval("a", 3, 5), np.array([1.0, 2.0]))
        track.discard()
    assert not [*tmp_path.iterdir()]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path):
    pytest.importorskip("pyBigWig")
    for kind in (BedGraph, lambda path: BigWig(path, LENGTHS)):
        with pytest.raises(OutputError, match=r"there is no folder .*nowhere; wanted one to write to; make it first"):
            kind(tmp_path / "nowhere" / "x")


def test_a_bigwig_that_the_disk_did_not_take_is_refused(tmp_path: Path):
    library: Any = pytest.importorskip("pyBigWig")
    track = BigWig(tmp_path / "x.bw", LENGTHS)
    track.write(Interval("a", 3, 5), np.array([1.0, 2.0]))
    track.complete()
    whole = (tmp_path / "x.bw").read_bytes()
    (tmp_path / "x.bw").unlink()
    for cut in (len(whole) // 2, len(whole) - 400, 70):
        track = BigWig(tmp_path / "x.bw", LENGTHS)
        track.write(Interval("a", 3, 5), np.array([1.0, 2.0]))
        track._close()
        (tmp_path / "x.bw.partial").write_bytes(whole[:cut])
        with pytest.raises(OSError, match=r"differs on the disk from what was written; write it again: .*x.bw.partial"):
            track.complete()
        track.discard()
    assert not [*tmp_path.iterdir()]
    track = BigWig(tmp_path / "x.bw", LENGTHS)
    track.write(Interval("b", 3, 5), np.array([1.0, 2.0]))
    with pytest.raises(OSError, match=r"(?s)cannot be written to \(.*x.bw.partial"):  # what the library refuses
        track.write(Interval("a", 3, 5), np.array([1.0, 2.0]))
    track.discard()
    assert library.open  # its own files are closed


def test_without_the_library_there_is_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyBigWig", None)
    assert big_wig_library() is None


def test_a_bigwig_whose_header_the_disk_does_not_take_leaves_nothing(tmp_path: Path, monkeypatch):
    library: Any = pytest.importorskip("pyBigWig")

    class Full:
        def __init__(self, path: str, _: str) -> None:
            Path(path).write_bytes(b"begun")

        def addHeader(self, _: object) -> None:
            raise RuntimeError("Received an error while writing the bigWig header")

        def close(self) -> None:
            raise RuntimeError("closed")

    monkeypatch.setattr(library, "open", Full)
    with pytest.raises(OSError, match=r"cannot be written to \(Received an error .*x.bw.partial"):
        BigWig(tmp_path / "x.bw", LENGTHS)
    assert not [*tmp_path.iterdir()]
