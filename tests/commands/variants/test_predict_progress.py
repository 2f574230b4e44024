"""How far predict is: lines now and then where nobody watches, a bar where somebody does."""

import io
import logging
from itertools import count

import pytest
from rich.console import Console

from genolong.commands.variants import predict_progress
from genolong.commands.variants.predict_progress import PredictProgress, Watch
from genolong.genome.alleles import Status
from genolong.report.tally import Tally


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(predict_progress.time, "monotonic", lambda: now[0])
    return now


def tally(records: int, alleles: int) -> Tally:
    return Tally(records=records, alleles=alleles, counts={Status.OK: alleles - 1, Status.STAR: 1})


def follow(watch: Watch, clock: list[float], seconds: float, blocks: int, total: int | None) -> None:
    watch.begin(total, 0)
    for block in range(1, blocks + 1):
        watch.block(100 * block, 4)
        watch.advance(3)
        watch.advance(1)
        clock[0] += seconds
        watch.done(tally(10 * block, 1_000 * block))
    watch.end()


def test_lines_come_every_half_minute(clock, caplog):
    with caplog.at_level(logging.INFO):
        follow(PredictProgress(Console(file=io.StringIO())), clock, 10, 6, 1_000)
    assert caplog.messages == [
        "30 records, 2,999 alleles scored, 100 alleles/s, 30% of the input, 70 s left",
        "60 records, 5,999 alleles scored, 100 alleles/s, 60% of the input, 40 s left",
    ]


def test_before_anything_is_read_no_time_is_told(clock, caplog):
    watch = PredictProgress(Console(file=io.StringIO()))
    watch.begin(1_000, 0)
    with caplog.at_level(logging.INFO):
        for seconds in (0, 30):
            clock[0] += seconds
            watch.done(tally(10, 1_000))
    assert caplog.messages == ["10 records, 999 alleles scored, 0 alleles/s, 0% of the input"]


def test_without_a_known_size_no_share_is_told(clock, caplog):
    with caplog.at_level(logging.INFO):
        follow(PredictProgress(Console(file=io.StringIO())), clock, 30, 2, None)
    assert caplog.messages[1] == "20 records, 1,999 alleles scored, 33 alleles/s"


def test_no_speed_is_told_before_there_is_one(monkeypatch, caplog):
    monkeypatch.setattr(predict_progress.time, "monotonic", count(100.0, 30.0).__next__)  # no two moments are the same
    with caplog.at_level(logging.INFO):
        follow(PredictProgress(Console(file=io.StringIO())), [0.0], 0, 1, None)
    assert caplog.messages == ["10 records, 999 alleles scored"]


def test_what_was_done_before_is_told(clock, caplog):
    with caplog.at_level(logging.INFO):
        PredictProgress(Console(file=io.StringIO())).begin(10, 12_345)
    assert caplog.messages == ["resuming after 12,345 records"]


@pytest.mark.parametrize("total", [1_000, None])
def test_a_bar_is_drawn_for_people(monkeypatch, caplog, total: int | None):
    shown = io.StringIO()
    with caplog.at_level(logging.INFO):
        follow(PredictProgress(Console(file=shown, force_terminal=True, width=120)), [0.0], 0, 3, total)
    assert "30 records, 2,999 alleles scored" in shown.getvalue() and not caplog.messages


def test_who_listens_to_nothing_hears_everything(clock):
    follow(Watch(), clock, 1, 2, None)
