"""When a training writes checkpoints: every n steps, at the best validation, at the end, and when asked to stop."""

from math import inf
from pathlib import Path
from signal import SIGTERM
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint, WeightAveraging

from genolong.commands.training.fit_loop import FitLoop
from genolong.parallel.stop_request import StopRequest
from genolong.parallel.stopped import Left, Stopped
from genolong.runs.checkpoint import IS_BEST, VALIDATED
from genolong.runs.metrics_log import MetricsLog
from genolong.runs.saved import BEST, LAST, of_step, point, tidy
from genolong.settings import CheckpointSettings

MID_EPOCH = {"ready": 1, "started": 1, "processed": 0, "completed": 0}  # the whole run is one epoch


class Checkpoints(Checkpoint):
    """Writes checkpoints between two steps, after the finished step was logged and validated (if due).

    That is just before the first batch of the next step; at the end, it is before a running mean replaces the weights.
    A signal cuts a validation short: the checkpoint says so, and a resumed run validates first. `has_best` says whether
    the folder holds the best checkpoint so far of a resumed training; it must be the same in all processes. After the
    step `left_after`, the training stops as if a signal had come.
    """

    def __init__(
        self, folder: Path, chosen: CheckpointSettings, metrics: MetricsLog, *, has_best: bool,
        left_after: int | None = None,
    ) -> None:  # fmt: skip
        self.folder, self.chosen, self.metrics, self.has_best = folder, chosen, metrics, has_best
        self.left_after = left_after
        self.request = StopRequest()
        self.best = inf
        self._best_is_new = False

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, IS_BEST: self._best_is_new}

    def on_load_checkpoint(self, trainer: pl.Trainer, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        FitLoop.of(trainer).owes_validation = not checkpoint.get(VALIDATED, True)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if self.has_best:
            self.best = state_dict["best"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Replaces Lightning's signal handlers, which would send messages between processes from within a handler."""
        self._begun = trainer.global_step
        self.request.listen()
        trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = lambda: None
        if FitLoop.of(trainer).owes_validation:
            FitLoop.of(trainer).make_up()
            self._write(trainer)

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx % trainer.accumulate_grad_batches:
            return
        signal, step = self.request.agreed(), trainer.global_step
        due = step % self.chosen.every_n_steps == 0 or self._best_is_new
        left = step == self.left_after
        if step > self._begun and (due or left or signal is not None):
            self._write(trainer)
        if signal is not None:
            raise Stopped(signal, step)
        if left:
            raise Left(SIGTERM, step)

    def on_validation_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        signal = self.request.agreed()
        if signal is None:
            return
        for each in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(each, WeightAveraging):  # the mean has replaced the weights; this restores them
                each.on_validation_epoch_end(trainer, pl_module)
        FitLoop.of(trainer).owes_validation = True
        self._write(trainer)
        raise Stopped(signal, trainer.global_step)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        loss = float(trainer.callback_metrics["validation/loss"])
        if loss < self.best:
            self.best, self._best_is_new = loss, True

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._write(trainer)

    def on_save_checkpoint(self, trainer: pl.Trainer, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        """Stores Lightning's counters as they are at a step's last batch, so that a resumed run counts correctly."""
        checkpoint[VALIDATED] = not FitLoop.of(trainer).owes_validation
        loops = checkpoint["loops"]["fit_loop"]
        loops["epoch_loop.state_dict"]["_batches_that_stepped"] = max(trainer.global_step - 1, 0)
        loops["epoch_progress"] = {"total": dict(MID_EPOCH), "current": dict(MID_EPOCH)}

    def _write(self, trainer: pl.Trainer) -> None:
        self.metrics.sync()
        path = of_step(self.folder, trainer.global_step)
        trainer.save_checkpoint(path)
        if trainer.is_global_zero:
            point(LAST, path)
            if self._best_is_new:
                point(BEST, path)
            tidy(self.folder, self.chosen.keep)
        self._best_is_new = False
