"""Lightning's trainer for a run: devices, precision, loggers and checkpoints."""

import signal
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, EMAWeightAveraging, Timer
from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger
from pytorch_lightning.utilities.exceptions import SIGTERMException

from genolong.commands.reading.precision_choice import MIXED, slow_notes
from genolong.commands.training.checkpoints import Checkpoints
from genolong.commands.training.fit_loop import FitLoop
from genolong.commands.training.legs import End
from genolong.commands.training.progress import TrainingProgress
from genolong.errors import SettingsError
from genolong.loading.lost_workers import naming_lost_workers
from genolong.model.compilers.cpp import multiplies_bfloat16
from genolong.model.encoder import shard_of
from genolong.parallel.place import Place
from genolong.parallel.shared_weights import SharedWeightsStrategy
from genolong.parallel.stopped import Stopped
from genolong.parallel.strategy import PlaceEnvironment, SequenceParallelStrategy
from genolong.runs.checkpoint_io import RunCheckpointIO
from genolong.runs.metrics_log import MetricsLog
from genolong.settings import LoggerSettings, TrainerSettings, TrainSettings


class LastStep(Callback):
    """Makes a validation follow the last step, even if trainer.validate_every does not divide the steps.

    `step`: the last step, if not trainer.max_steps.
    """

    def __init__(self, step: int | None) -> None:
        self.step = step

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        last = trainer.max_steps if self.step is None else self.step
        trainer.should_stop = trainer.should_stop or trainer.global_step >= last


class TimeLimit(Timer):
    """Counts trainer.max_time from when this process began to train, ignoring the time before a resume."""

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, *more: Any
    ) -> None:  # fmt: skip
        """Checks the time at the end of a step, not between its accumulated batches."""
        if (batch_idx + 1) % trainer.accumulate_grad_batches == 0:
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx, *more)

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Ignores the stored time."""


class Devices(NamedTuple):
    """This process's place among the devices, and how they share windows (`strategy`; None for a single device)."""

    place: Place
    strategy: SequenceParallelStrategy | None


def across(place: Place, settings: TrainSettings) -> Devices:
    """The devices of a training; all of its processes must call this at the same time."""
    window_bp = settings.context.window_bp
    assert window_bp is not None
    if place.size == 1:
        return Devices(place, None)
    strategy = SharedWeightsStrategy if settings.parallel.share_weights else SequenceParallelStrategy
    return Devices(place, strategy(place, shard_of(settings.model, window_bp, settings.parallel.sequence)))


def make_trainer(
    chosen: TrainerSettings, loggers: list[Logger], files: RunCheckpointIO, checkpoints: Checkpoints,
    progress: TrainingProgress, accumulation: int, devices: Devices, end: End | None,
) -> pl.Trainer:  # fmt: skip
    """Lightning's trainer: the whole run is one epoch, and steps are optimizer steps; `end`: where it ends early."""
    place = devices.place
    callbacks: list[Callback] = [LastStep(end.step if end and end.validated else None), checkpoints]
    if place.rank == 0:
        callbacks.insert(0, progress)
    if chosen.ema_decay:
        callbacks.append(EMAWeightAveraging(decay=chosen.ema_decay))
    if chosen.max_time is not None:
        callbacks.append(TimeLimit(chosen.max_time))
    plugins: list[Any] = [files]
    if devices.strategy is None:  # which knows its place; otherwise Lightning would ask SLURM or MPI
        plugins.append(PlaceEnvironment(place))
    trainer = pl.Trainer(
        accelerator=accelerator(chosen, place.local_size), devices=place.local_size,
        num_nodes=place.size // place.local_size, strategy=devices.strategy or "auto",
        precision=precision(chosen, place.local_size), deterministic=chosen.deterministic, max_steps=chosen.max_steps,
        accumulate_grad_batches=accumulation,
        val_check_interval=min(chosen.validate_every, chosen.max_steps) * accumulation,
        num_sanity_val_steps=0, log_every_n_steps=1, use_distributed_sampler=False, enable_progress_bar=False,
        enable_model_summary=False, enable_checkpointing=True, logger=loggers, callbacks=callbacks, plugins=plugins,
        default_root_dir=checkpoints.folder,
    )  # fmt: skip
    FitLoop.of(trainer)
    return trainer


def check_machine(chosen: TrainerSettings, loggers: LoggerSettings, devices: int) -> None:
    """Raises SettingsError if this machine lacks what is requested; call it before creating a folder."""
    accelerator(chosen, devices)
    if loggers.wandb and not find_spec("wandb"):
        raise SettingsError("logger.wandb=true: wandb is not installed; run `pip install genolong[wandb]`")


def accelerator(chosen: TrainerSettings, devices: int) -> str:
    """cuda or cpu; raises SettingsError if the requested GPUs do not exist."""
    if chosen.accelerator == "cuda" and not torch.cuda.is_available():
        raise SettingsError("trainer.accelerator=cuda: torch sees no CUDA device here; use auto or cpu")
    if chosen.accelerator != "cpu" and torch.cuda.is_available() and torch.cuda.device_count() < devices:
        raise SettingsError(
            f"trainer.devices={chosen.devices}: needs {devices} GPUs on this machine, but torch sees "
            f"{torch.cuda.device_count()}; use fewer, or trainer.accelerator=cpu"
        )
    if chosen.accelerator == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return chosen.accelerator


def precision(chosen: TrainerSettings, devices: int) -> Any:
    """bf16-mixed on a GPU that has it; float32 on a CPU, so that a training gives the same result on other machines."""
    if chosen.precision != "auto":
        return chosen.precision
    return MIXED if accelerator(chosen, devices) == "cuda" and torch.cuda.is_bf16_supported() else "32-true"


def precision_notes(chosen: TrainerSettings, devices: int) -> tuple[str, ...]:
    """Notes for a CPU on which another precision would be faster."""
    if accelerator(chosen, devices) != "cpu":
        return ()
    if chosen.precision == MIXED:
        return slow_notes("trainer.precision")
    if chosen.precision != "auto" or not multiplies_bfloat16():
        return ()
    return (f"in float32; this processor also multiplies bfloat16, so trainer.precision={MIXED} may train faster",)


def make_loggers(chosen: LoggerSettings, folder: Path, name: str, log: MetricsLog, step: int) -> list[Logger]:
    """metrics.csv and the other chosen loggers; hides what a stopped run logged after `step`."""
    loggers: list[Logger] = [log]
    if chosen.tensorboard and find_spec("tensorboard"):
        loggers.append(TensorBoardLogger(folder, name="tensorboard", version="", purge_step=step or None))
    if chosen.wandb:
        loggers.append(WandbLogger(name=name, save_dir=folder, project="genolong"))
    return loggers


def fit(
    trainer: pl.Trainer, checkpoints: Checkpoints, model: pl.LightningModule, resume: Path | None = None, **data: Any
) -> None:  # fmt: skip
    """Runs Lightning's fit, with proper endings for signals, interruptions and lack of memory.

    Raises Stopped if a signal asked it to stop, and everything needed to resume is saved.
    """
    try:
        with naming_lost_workers(), checkpoints.request.listening():
            trainer.fit(model, ckpt_path=resume, weights_only=True, **data)
    except Stopped:
        raise
    except SIGTERMException:  # a signal that came before the training began to listen
        raise Stopped(signal.SIGTERM, trainer.global_step) from None
    except SystemExit:
        raise KeyboardInterrupt from None  # Lightning turns a second Ctrl-C into SystemExit
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(error):
            raise SettingsError(
                "context: one step needs more memory than is available; use a smaller context.window_bp or "
                "context.batch, a larger context.checkpoint_blocks (recompute instead of keeping), or a smaller model"
            ) from error
        raise
