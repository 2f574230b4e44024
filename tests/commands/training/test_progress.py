"""How far a training is told to be: once a step at most, with what it reads and loses."""

import logging
import re
import sys
from typing import Any
from unittest.mock import Mock

import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import TensorDataset

from genolong.commands.training import progress
from genolong.commands.training.progress import TrainingProgress
from genolong.loading.step_loader import StepLoader

MODEL = Mock(spec=pl.LightningModule)


def trained(
    told: TrainingProgress, *, steps: int, accumulation: int, clock: list[float], validated: int = 10**9
) -> Any:
    """Walks through a training in which every batch takes half a second."""
    metrics: dict[str, torch.Tensor] = {}
    loader = StepLoader(TensorDataset(torch.zeros(1)))
    trainer = Mock(spec=pl.Trainer, global_step=0, max_steps=steps, callback_metrics=metrics, train_dataloader=loader)
    told.on_train_start(trainer, MODEL)
    for batch in range(steps * accumulation):
        clock[0] += 0.5
        loader.waited_s += 0.125
        if (batch + 1) % accumulation == 0:
            trainer.global_step += 1
            metrics["train/loss"] = torch.tensor(1.25)
        if trainer.global_step >= validated:
            metrics["validation/loss"] = torch.tensor(1.125)
        told.on_train_batch_end(trainer, MODEL, None, None, batch)
    return trainer


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    return now


@pytest.mark.parametrize(("steps", "accumulation", "lines"), [(100, 1, 10), (100, 3, 10), (7, 2, 7), (37, 1, 10)])
def test_nobody_watching_gets_a_line_now_and_then(clock, caplog, steps, accumulation, lines):
    caplog.set_level(logging.INFO, "genolong")
    trained(TrainingProgress(1000), steps=steps, accumulation=accumulation, clock=clock)
    told = [int(re.findall(r"step (\d+) of", line)[0]) for line in caplog.messages]
    assert len(told) == len(set(told)) == lines
    assert told[-1] == steps


def test_a_line_tells_loss_speed_and_the_time_left(clock, caplog):
    caplog.set_level(logging.INFO, "genolong")
    trained(TrainingProgress(3000), steps=20, accumulation=2, clock=clock, validated=10)
    assert "step 2 of 20: loss 1.250, 3,000 bases/s, waiting 25.0%, 18 s left" in caplog.messages
    assert "step 10 of 20: loss 1.250, validation 1.125, 3,000 bases/s, waiting 25.0%, 10 s left" in caplog.messages


def test_people_who_watch_see_a_bar(clock, caplog, monkeypatch):
    caplog.set_level(logging.INFO, "genolong")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    told = TrainingProgress(3000)
    trainer = trained(told, steps=4, accumulation=2, clock=clock)
    assert told.bar is not None
    (row,) = told.bar.tasks
    assert (row.completed, row.total, row.fields["told"]) == (4, 4, "loss 1.250, 3,000 bases/s, waiting 25.0%")
    assert not caplog.messages
    told.on_exception(trainer, MODEL, KeyboardInterrupt())
    assert told.bar.live.is_started is False


def test_a_long_step_is_told_of_before_a_tenth_is_done(clock, caplog):
    caplog.set_level(logging.INFO, "genolong")
    told = TrainingProgress(3000)
    trained(told, steps=9_000, accumulation=1, clock=clock)
    steps = [int(re.findall(r"step (\d+) of", line)[0]) for line in caplog.messages]
    assert steps == sorted({*range(900, 9_001, 900), *steps}) and len(steps) == 10, "ten lines in 75 minutes"
    caplog.clear()
    trained(told, steps=90_000, accumulation=1, clock=clock)
    assert len(caplog.messages) == 80, "every ten minutes where a tenth takes 75, and at each tenth"


def test_a_validation_is_shown_on_the_bar(clock, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    told = TrainingProgress(3000)
    trainer = Mock(spec=pl.Trainer, num_val_batches=[7])
    told.on_validation_batch_end(trainer, MODEL, None, None, 0)  # before the first step: there is no bar yet
    trained(told, steps=2, accumulation=1, clock=clock)
    told.on_validation_batch_end(trainer, MODEL, None, None, 2)
    assert told.bar is not None and told.bar.tasks[0].fields["told"] == "validating, 3 of 7"
    told.on_exception(trainer, MODEL, KeyboardInterrupt())
