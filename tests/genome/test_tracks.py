"""Tracks: a line or an entry for every base that has a value, none for the others, and nothing left of a failure."""

import math
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pybigtools
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from genolong.errors import OutputError
from genolong.genome import tracks
from genolong.genome.coordinates import Interval
from genolong.genome.tracks import BedGraph, Track, shown

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


def written(folder: Path, pieces: list[tuple[Interval, np.ndarray]], contigs: dict[str, int] = LENGTHS) -> None:
    track = Track(folder / "x.bedgraph", folder / "x.bw", contigs)
    for interval, values in pieces:
        track.write(interval, values)
    track.end()
    assert {each.name for each in folder.iterdir()} == {"x.bedgraph.partial", "x.partial.bw"}
    track.complete()
    assert {each.name for each in folder.iterdir()} == {"x.bedgraph", "x.bw"}


@given(PIECES)
def test_bigwig_has_every_value(tmp_path_factory, pieces: Any):
    given_ = placed(pieces)
    wanted = plain(given_)
    assume(wanted)
    folder = tmp_path_factory.mktemp("tracks")
    written(folder, given_)
    assert read_bedgraph(folder / "x.bedgraph") == wanted
    with pybigtools.open(str(folder / "x.bw")) as file:
        assert file.chroms() == {contig: LENGTHS[contig] for contig, _ in wanted}
        entries = {
            (contig, start): value
            for contig in file.chroms()
            for start, end, value in file.records(contig)
            for start in range(start, end)
        }  # fmt: skip
    assert entries == {place: float(np.float32(value)) for place, value in wanted.items()}


def test_every_zoom_level_of_a_bigwig_has_the_sums_of_its_values(tmp_path: Path):
    values = np.random.default_rng(3).normal(size=200_003)
    values[4_000:4_100] = np.nan
    written(tmp_path, [(Interval("c", 53, 53 + len(values)), values)], {"b": 97, "c": 200_171})
    kept = np.nan_to_num(np.concatenate([np.zeros(53), np.round(values, 4)]))
    with pybigtools.open(str(tmp_path / "x.bw")) as file:
        assert len(file.zooms()) > 1
        for zoom in file.zooms():
            found = [*file.zoom_records(zoom, "c")]
            assert found[-1][1] == len(kept)
            for start, end, summary in found:
                assert summary["sum"] == pytest.approx(kept[start:end].sum(), abs=1e-3)


def test_a_link_stays_a_link(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "x.bw").symlink_to(tmp_path / "elsewhere" / "y.bw")
    track = Track(tmp_path / "x.bedgraph", tmp_path / "x.bw", LENGTHS)
    track.write(Interval("a", 3, 5), np.array([1.0, 2.0]))
    track.end()
    track.complete()
    assert (tmp_path / "x.bw").is_symlink()
    assert [each.name for each in (tmp_path / "elsewhere").iterdir()] == ["y.bw"]


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


def begun(folder: Path) -> Track:
    track = Track(folder / "x.bedgraph", folder / "x.bw", LENGTHS)
    track.write(Interval("a", 3, 5), np.array([1.0, 2.0]))
    return track


def test_nothing_is_left_of_what_is_not_wanted(tmp_path: Path):
    begun(tmp_path).discard()
    assert not [*tmp_path.iterdir()]
    track = begun(tmp_path)
    track.end()
    track.discard()
    assert not [*tmp_path.iterdir()]


def test_a_place_that_cannot_be_written_to_is_told(tmp_path: Path):
    with pytest.raises(OutputError, match=r"there is no folder .*nowhere; wanted one to write to; make it first"):
        begun(tmp_path / "nowhere")
    (tmp_path / "x.bw").mkdir()
    with pytest.raises(OutputError, match=r"x.bw: is a folder; wanted a file to write; name one"):
        begun(tmp_path)
    assert {each.name for each in tmp_path.iterdir()} == {"x.bw"}


def test_a_bigwig_that_the_disk_did_not_take_is_refused(tmp_path: Path, monkeypatch):
    begun(tmp_path).end()
    whole = (tmp_path / "x.partial.bw").read_bytes()
    left = [whole[:size] for size in (len(whole) - 1, len(whole) - 400, len(whole) // 2, 70, 3, 0)]
    left.append(whole.replace(struct.pack("<Q", 2), struct.pack("<Q", 1)))  # as if one value were missing

    class Wrong:
        def __init__(self, path: str, _: str) -> None:
            self.path = Path(path)

        def write(self, _: object, entries: Iterator[object]) -> None:
            assert [*entries] == [("a", 3, 4, 1.0), ("a", 4, 5, 2.0)]
            self.path.write_bytes(left.pop())

    monkeypatch.setattr(pybigtools, "open", Wrong)
    while left:
        track = begun(tmp_path)
        with pytest.raises(OSError, match=r"differs on the disk from what was written; write it again: .*x.partial.bw"):
            track.end()
        track.discard()
    assert not [*tmp_path.iterdir()]


def test_what_the_library_refuses_is_an_error(tmp_path: Path):
    track = begun(tmp_path)
    track.write(Interval("a", 1, 3), np.array([1.0, 2.0]))  # back
    with pytest.raises(OSError, match=r"differs on the disk from what was written; write it again: .*x.partial.bw"):
        track.end()
    track.discard()
    assert not [*tmp_path.iterdir()]


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of a file, which other systems may do otherwise")
@pytest.mark.parametrize("limit", [900, 4_000, 140_000, 151_000])
def test_a_full_disk_is_an_error_of_the_disk(limit: int):
    code = f"""
import resource, signal, sys, tempfile
from pathlib import Path
import numpy as np
from genolong.genome.coordinates import Interval
from genolong.genome.tracks import Track
with tempfile.TemporaryDirectory() as folder:
    track = Track(Path(folder, "x.bedgraph"), Path(folder, "x.bw"), {{"a": 30_000}})
    track.write(Interval("a", 0, 30_000), np.random.default_rng(1).normal(size=30_000))
    track._lines.end()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
    try:
        track.end()
    except OSError as error:
        sys.exit(str(error))
    print(Path(folder, "x.partial.bw").stat().st_size)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout
    assert done.stderr.splitlines()[-1].startswith("[Errno 5] differs on the disk from what was written"), done.stderr


def test_an_interruption_while_a_bigwig_is_written_is_raised(tmp_path: Path, monkeypatch):
    class Interrupted:
        def __init__(self, path: str, _: str) -> None:
            self.path = path

        def write(self, contigs: dict[str, int], entries: Iterator[tuple[str, int, int, float]]) -> None:
            monkeypatch.setattr(tracks, "float", interrupt, raising=False)
            library(self.path, "w").write(contigs, entries)

    def interrupt(_: str) -> float:
        raise KeyboardInterrupt

    library = pybigtools.open
    monkeypatch.setattr(pybigtools, "open", Interrupted)
    track = begun(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        track.end()
    track.discard()
    assert not [*tmp_path.iterdir()]
