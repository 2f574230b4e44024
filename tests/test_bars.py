"""How far long work is: bars on a terminal from when it takes long, lines elsewhere, nothing where nobody asked."""

import io
import logging
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from genolong import bars as module
from genolong.bars import bars, shown_on
from genolong.genome.checked_fasta import open_checked
from genolong.genome.files.cache_folder import CacheFolder
from genolong.genome.files.hashed import sha256_of
from genolong.long_work import follow, watched_by
from tests.builders.genomes import random_letters


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def terminal(**environ: str) -> Console:
    return Console(file=Terminal(), width=100, _environ={"TERM": "xterm-256color", **environ})


def told(console: Console, clock: list[float], steps: int, seconds: float, total: int | None) -> str:
    """What stands there once work of so many steps is done, each of which takes so many seconds."""
    with bars(console):
        advance = follow("hashing [x].fa", total)
        for _ in range(steps):
            clock[0] += seconds
            advance(7)
    assert isinstance(console.file, Terminal)
    return console.file.getvalue()


def test_work_is_shown_when_it_has_taken_a_second_and_vanishes(clock: list[float]):
    shown = told(terminal(), clock, steps=5, seconds=0.6, total=35)
    assert "hashing [x].fa" in shown and "\x1b[2K" in shown[shown.rindex("hashing") :], "the line is cleared at last"
    assert told(terminal(), clock, steps=5, seconds=0.1, total=35) == ""
    assert told(terminal(), clock, steps=1, seconds=9.0, total=7) == "", "done before anyone could look"


def test_work_of_unknown_size_is_shown_without_a_share(clock: list[float]):
    assert "hashing [x].fa" in told(terminal(), clock, steps=3, seconds=2.0, total=None)


def test_beside_another_bar_nothing_breaks(clock: list[float]):
    console = terminal()
    with Progress(console=console):
        told(console, clock, steps=3, seconds=2.0, total=70)


def test_a_bar_ends_with_the_work_that_failed(clock: list[float]):
    console = terminal()

    def fail() -> None:
        with bars(console):
            advance = follow("x", 100)
            for _ in range(3):
                clock[0] += 1
                advance(1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert isinstance(console.file, Terminal) and console.file.getvalue().endswith("\x1b[?25h\r\x1b[1A\x1b[2K")


@pytest.mark.parametrize(("environ", "colour"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_no_color_means_none(clock: list[float], environ: dict[str, str], colour: bool):
    shown = told(terminal(**environ), clock, steps=5, seconds=0.6, total=35)
    assert bool(re.search(r"\x1b\[[0-9;]*3[0-9]m|\x1b\[38;", shown)) == colour


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(clock: list[float], caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "genolong")
    console = terminal(TERM="dumb")
    assert not shown_on(console) and shown_on(terminal())
    assert told(console, clock, steps=4, seconds=20.0, total=70) == ""
    assert caplog.messages == ["hashing [x].fa: 20%, 160 s left", "hashing [x].fa: 40%, 120 s left"]


def test_lines_come_every_half_minute(clock: list[float], caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "genolong")
    with bars(Console(file=io.StringIO())):
        advance = follow("embedding", None)
        for _ in range(70):
            clock[0] += 1
            advance(1000)
    assert caplog.messages == ["embedding: 30,000", "embedding: 60,000"]


def test_nobody_hears_of_work_outside_of_a_command():
    follow("x", 3)(1)
    heard: list[tuple[str, int | None]] = []
    with watched_by(lambda what, total: heard.append((what, total)) or heard.append):  # type: ignore[func-returns-value, return-value]
        follow("y", 5)
    follow("z", 7)
    assert heard == [("y", 5)]


def test_a_genome_tells_how_far_its_hash_and_its_index_are(tmp_path: Path):
    fasta = tmp_path / "g.fa"
    fasta.write_text(f">one\n{random_letters(811, seed=1)}\n>two\nACGT\nAC\n")
    heard: dict[str, list[int]] = {}

    def watcher(what: str, total: int | None):
        heard[f"{what} of {total}"] = parts = []
        return parts.append

    with watched_by(watcher):
        open_checked(fasta, CacheFolder(str(tmp_path / "cache")))
        sha256_of(fasta)
    size = fasta.stat().st_size
    assert {f"hashing g.fa of {size}", f"indexing g.fa of {size}"} <= set(heard)
    for what, parts in heard.items():
        assert sum(parts) == int(what.rpartition(" ")[2]), "all of it is done at last"


def on_a_terminal(command: list[str], **environ: str) -> str:
    """What a command shows whose stderr is a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=theirs, env={**os.environ, "TERM": "xterm-256color", **environ}
    ) as child:
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 1 << 16)
            except OSError:  # the other side is closed
                break
            if not part:
                break
            shown += part
        assert child.wait() == 0, shown
    os.close(ours)
    return shown.decode()


TINY = [
    "model.width=6", "model.layers=1", "model.heads=3", "model.segment=7", "context.window_bp=29", "data.workers=0",
    "trainer.max_steps=3", "data.validation_windows=2", "logger.tensorboard=false", "trainer.accelerator=cpu",
]  # fmt: skip


@pytest.mark.parametrize("environ", [pytest.param({"NO_COLOR": "1"}, marks=pytest.mark.nightly), {"TERM": "dumb"}])
def test_a_training_heeds_what_the_terminal_says(tmp_path: Path, environ: dict[str, str]):
    (tmp_path / "g.fa").write_text(f">one\n{random_letters(811, seed=1)}\n")
    words = [f"data.fasta={tmp_path / 'g.fa'}", f"run.folder={tmp_path}", f"data.cache={tmp_path}", *TINY]
    shown = on_a_terminal([sys.executable, "-m", "genolong", "train", *words], **environ)
    assert "held-out loss" in shown
    if environ.get("TERM") == "dumb":
        assert "\x1b" not in shown and "step 3 of 3" in shown
    else:
        assert "training" in shown, "the bar is there"
        assert not re.search(r"\x1b\[[0-9;]*3[0-9]m|\x1b\[38;", shown), "without a colour"
