"""Progress of a training: a bar on a terminal, otherwise a line now and then."""

import logging
import time
from typing import Any

import pytorch_lightning as pl
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from genolong.bars import shown_on
from genolong.loading.step_loader import waited_s

logger = logging.getLogger(__name__)

LINES = 10  # lines over a whole run, without a terminal
LINE_EVERY_S = 600.0  # at least one line in this time


class TrainingProgress(pl.Callback):
    """Shows steps, loss, bases (or alleles) per second, share of time spent waiting for data, and time left."""

    def __init__(self, per_step: int, what: str = "bases") -> None:
        self.per_step, self.what = per_step, what
        columns = (
            TextColumn("training"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[told]}"),
            TimeRemainingColumn(),
        )  # fmt: skip
        console = Console(stderr=True)
        self.bar = Progress(*columns, console=console, transient=True) if shown_on(console) else None
        self.row: TaskID | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.begun, self.first = time.perf_counter(), trainer.global_step
        self.told, self.line_at = self.first, self.begun
        if self.bar is not None:
            self.bar.start()
            self.row = self.bar.add_task("", total=trainer.max_steps, completed=self.first, told="")

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        step = trainer.global_step
        if step == self.told:  # between two accumulated batches
            return
        self.told = step
        passed = time.perf_counter() - self.begun
        rate = (step - self.first) * self.per_step / passed
        told = f"loss {float(trainer.callback_metrics.get('train/loss', float('nan'))):.3f}"
        if "validation/loss" in trainer.callback_metrics:
            told += f", validation {float(trainer.callback_metrics['validation/loss']):.3f}"
        told += f", {rate:,.0f} {self.what}/s, waiting {waited_s(trainer) / passed:.1%}"
        if self.bar is not None and self.row is not None:
            self.bar.update(self.row, completed=step, told=told)
        elif (
            step * LINES // trainer.max_steps > (step - 1) * LINES // trainer.max_steps
            or time.perf_counter() - self.line_at >= LINE_EVERY_S
        ):
            self.line_at = time.perf_counter()
            left = (trainer.max_steps - step) * self.per_step / rate
            logger.info("step %d of %d: %s, %.0f s left", step, trainer.max_steps, told, left)

    def on_validation_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:  # fmt: skip
        if self.bar is not None and self.row is not None:
            self.bar.update(self.row, told=f"validating, {batch_idx + 1} of {int(trainer.num_val_batches[0])}")

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.bar is not None:
            self.bar.stop()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self.on_train_end(trainer, pl_module)
