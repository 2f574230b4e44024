"""Kept blocks come back as they were, as far as they were noted, to the same command alone, and vanish at the end."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from genolong.errors import BusyError, InputError, LostProcessError, OutputError, RefusedRecordError, SettingsError
from genolong.long_work import watched_by
from genolong.runs import kept_blocks
from genolong.runs.kept_blocks import KeptBlocks
from tests.builders.held_file import held_by_another

IDENTITY = {"vcf_sha256": "abc", "window": 7}
BLOCKS = [{"a": np.arange(3 + at, dtype=np.float64), "b": np.full((2, at, 5), at, np.uint8)} for at in range(7)]


class Stop(Exception):
    """What a test stops the work with."""


@pytest.fixture(autouse=True)
def noted_at_once(monkeypatch):
    monkeypatch.setattr(kept_blocks, "NOTED_EVERY_S", -1.0)


def work(folder: Path, blocks: list, error: BaseException | None = None, *, resume: bool = True, **changes) -> list:
    """Keeps the blocks behind those that are kept, and fails then; returns those that were kept before."""
    with KeptBlocks(folder / "x", {**IDENTITY, **changes}, resume=resume) as kept:
        before = [*kept.before("done")]
        for block in blocks:
            kept.keep(block)
        if error:
            raise error
    return before


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def same(found: list, wanted: list) -> bool:
    return len(found) == len(wanted) and all(
        one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)
        for one, other in zip(found, wanted, strict=True)
    )


def test_an_interrupted_work_gets_its_blocks_back_again_and_again(tmp_path: Path):
    for stop in range(len(BLOCKS)):
        with pytest.raises(Stop):
            work(tmp_path, BLOCKS[stop : stop + 1], Stop())
        assert names(tmp_path) == {"x.kept.partial", "x.journal"}
        with (tmp_path / "x.kept.partial").open("ab") as file:
            file.write(b"what came after the last note")
    assert same(work(tmp_path, []), BLOCKS)
    assert not names(tmp_path)


@given(st.dictionaries(st.text(max_size=7), arrays(
    st.sampled_from([np.float32, np.float64, np.uint8, np.int64]), array_shapes(min_dims=0, max_dims=3, min_side=0),
), max_size=3))  # fmt: skip
def test_any_arrays_come_back(tmp_path_factory: pytest.TempPathFactory, block: dict):
    folder = tmp_path_factory.mktemp("kept")
    with pytest.raises(Stop):
        work(folder, [block], Stop())
    (found,) = work(folder, [])
    assert found.keys() == block.keys()
    for name, values in block.items():
        assert found[name].dtype == values.dtype and found[name].shape == values.shape
        assert found[name].tobytes() == values.tobytes()


def test_every_block_that_is_read_again_advances_the_bar(tmp_path: Path):
    with pytest.raises(Stop):
        work(tmp_path, BLOCKS, Stop())
    told, steps = [], []
    told_of = watched_by(lambda *about: told.append(about) or steps.append)
    with told_of, KeptBlocks(tmp_path / "x", IDENTITY, resume=True) as kept:
        for number, _ in enumerate(kept.before("done")):
            assert steps == [1] * number
    assert told == [("reading what was already done", len(BLOCKS))] and len(steps) == len(BLOCKS)


@pytest.mark.parametrize(("error", "left"), [
    (InputError("bad"), False), (OutputError("no place"), False), (RefusedRecordError("line 7"), True),
    (LostProcessError("gone"), True), (KeyboardInterrupt(), True), (OSError(28, "full"), True), (None, False),
])  # fmt: skip
def test_what_can_be_gone_on_with_is_left_and_nothing_else(tmp_path: Path, error: BaseException | None, left: bool):
    if error is None:
        work(tmp_path, BLOCKS)
    else:
        with pytest.raises(type(error)):
            work(tmp_path, BLOCKS, error)
    assert names(tmp_path) == ({"x.kept.partial", "x.journal"} if left else set())


def test_short_work_writes_nothing(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(kept_blocks, "NOTED_EVERY_S", 60.0)
    with pytest.raises(Stop):
        work(tmp_path, BLOCKS, Stop())
    assert not names(tmp_path)


def test_of_another_command_is_refused_and_left(tmp_path: Path):
    with pytest.raises(Stop):
        work(tmp_path, BLOCKS, Stop())
    with pytest.raises(
        SettingsError, match=r"x.journal: holds an unfinished result of another command, which differs in window"
    ):
        work(tmp_path, [], window=8)
    assert same(work(tmp_path, []), BLOCKS)


def test_anew_it_takes_the_place_of_what_was_there(tmp_path: Path):
    with pytest.raises(Stop):
        work(tmp_path, BLOCKS, Stop())
    with pytest.raises(Stop):
        assert not work(tmp_path, BLOCKS[5:6], Stop(), resume=False, window=8)
    assert same(work(tmp_path, [], window=8), BLOCKS[5:6])


@pytest.mark.parametrize("cut", [0, 5, 8, 100, -1])
def test_what_cannot_be_read_is_told(tmp_path: Path, cut: int):
    with pytest.raises(Stop):
        work(tmp_path, BLOCKS, Stop())
    path = tmp_path / "x.kept.partial"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match=r"x.kept.partial holds .+ bytes; wanted .+; start again \(resume=no\)$"):
        work(tmp_path, [])


@pytest.mark.parametrize("byte", [b"\xff", b"\0", b"{"])
def test_other_bytes_are_told(tmp_path: Path, byte: bytes):
    with pytest.raises(Stop):
        work(tmp_path, BLOCKS, Stop())
    path = tmp_path / "x.kept.partial"
    path.write_bytes(byte * path.stat().st_size)
    with pytest.raises(InputError, match=r"x.kept.partial: cannot be read \(.+\); start over with resume=no$"):
        work(tmp_path, [])


def test_what_is_refused_before_any_block_leaves_what_was_kept(tmp_path: Path):
    with pytest.raises(Stop):
        work(tmp_path, BLOCKS, Stop())
    with pytest.raises(SettingsError), KeptBlocks(tmp_path / "x", IDENTITY, resume=True):
        raise SettingsError("parquet=yes: not installed")
    assert same(work(tmp_path, []), BLOCKS)


@pytest.mark.parametrize("resume", [True, False])
def test_what_another_process_keeps_is_left_to_it(tmp_path: Path, resume: bool):
    with pytest.raises(Stop):
        work(tmp_path, BLOCKS[:3], Stop())
    kept = [tmp_path / name for name in names(tmp_path)]
    before = [path.read_bytes() for path in kept]
    with (
        held_by_another(tmp_path / "x.kept.partial"),
        pytest.raises(BusyError, match=r"x.kept.partial: another process is writing this file"),
    ):
        work(tmp_path, BLOCKS[3:], resume=resume)
    assert [path.read_bytes() for path in kept] == before
    assert same(work(tmp_path, BLOCKS[3:]), BLOCKS[:3])


def test_what_another_process_finished_in_the_meantime_is_not_gone_on_with(tmp_path: Path):
    with pytest.raises(Stop):
        work(tmp_path, BLOCKS, Stop())
    with KeptBlocks(tmp_path / "x", IDENTITY, resume=True) as kept:
        assert work(tmp_path, []), "the same command, which finishes"
        assert not [*kept.before("done")]


def test_what_is_gone_on_with_is_held_until_it_is_removed(tmp_path: Path):
    with pytest.raises(Stop):
        work(tmp_path, BLOCKS, Stop())
    ask = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    path = tmp_path / "x.kept.partial"
    with KeptBlocks(tmp_path / "x", IDENTITY, resume=True) as kept:
        assert same([*kept.before("done")], BLOCKS)
        asked = subprocess.run([sys.executable, "-c", ask, str(path)], capture_output=True, text=True)
        assert "BlockingIOError" in asked.stderr
    assert not names(tmp_path)
