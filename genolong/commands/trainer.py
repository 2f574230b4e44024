"""Lightning's trainer of a run: on which devices, in which precision, with which loggers and checkpoints."""

import signal
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, EMAWeightAveraging, ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger
from pytorch_lightning.utilities.exceptions import SIGTERMException

from genolong.commands.progress import TrainingProgress
from genolong.errors import SettingsError
from genolong.parallel.place import Place
from genolong.parallel.shard import SequenceShard
from genolong.parallel.shared_weights import SharedWeightsStrategy
from genolong.parallel.strategy import SequenceParallelStrategy
from genolong.runs.checkpoint import RunCheckpointIO
from genolong.settings import LoggerSettings, TrainerSettings, TrainSettings


class LastStep(Callback):
    """The last step is followed by a validation, whether or not trainer.validate_every divides the steps."""

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        trainer.should_stop = trainer.should_stop or trainer.global_step >= trainer.max_steps


class NoSharedSignal(Callback):
    """SIGTERM ends this process at once, and with the first process all of them.

    Lightning would tell the other processes by a message before every batch, and another from within the handler of the
    signal, which may come in the midst of any other message.
    """

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, _ended)
        trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = lambda: None


def _ended(*_: Any) -> NoReturn:
    raise SystemExit(143)


class Devices(NamedTuple):
    """Where this process stands among the devices, and how they share windows; no strategy for one alone."""

    place: Place
    strategy: SequenceParallelStrategy | None


def across(place: Place, settings: TrainSettings) -> Devices:
    """The devices of a training; all of its processes make theirs at the same time."""
    window_bp = settings.context.window_bp
    assert window_bp is not None
    if place.size == 1:
        return Devices(place, None)
    segments = [branch.segment for branch in settings.model.branches(window_bp)]
    strategy = SharedWeightsStrategy if settings.parallel.share_weights else SequenceParallelStrategy
    return Devices(place, strategy(place, SequenceShard.of_world(window_bp, settings.parallel.sequence, segments)))


def make_trainer(
    chosen: TrainerSettings, loggers: LoggerSettings, name: str, folder: Path, checkpoints: RunCheckpointIO,
    progress: TrainingProgress, accumulation: int, devices: Devices,
) -> pl.Trainer:  # fmt: skip
    """Lightning's trainer: one epoch is the whole run, steps are optimizer steps."""
    place = devices.place
    callbacks: list[Callback] = [
        LastStep(),
        _newest(folder, chosen.checkpoint_every),
        ModelCheckpoint(
            folder / "checkpoints", "best", monitor="validation/loss", save_top_k=1, enable_version_counter=False
        ),
    ]
    if place.rank == 0:
        callbacks.insert(0, progress)
    if devices.strategy is not None:
        callbacks.append(NoSharedSignal())
    if chosen.ema_decay:
        callbacks.append(EMAWeightAveraging(decay=chosen.ema_decay))
    return pl.Trainer(
        accelerator=accelerator(chosen, place.local_size), devices=place.local_size,
        num_nodes=place.size // place.local_size, strategy=devices.strategy or "auto",
        precision=precision(chosen, place.local_size), max_steps=chosen.max_steps, max_time=chosen.max_time,
        accumulate_grad_batches=accumulation,
        val_check_interval=min(chosen.validate_every, chosen.max_steps) * accumulation,
        num_sanity_val_steps=0, log_every_n_steps=1, use_distributed_sampler=False, enable_progress_bar=False,
        enable_model_summary=False, logger=_loggers(loggers, folder, name),
        callbacks=callbacks, plugins=[checkpoints], default_root_dir=folder,
    )  # fmt: skip


def check_machine(chosen: TrainerSettings, loggers: LoggerSettings, devices: int) -> None:
    """Raises SettingsError where this machine lacks what is asked for; to be called before a folder is made."""
    accelerator(chosen, devices)
    if loggers.wandb and not find_spec("wandb"):
        raise SettingsError("logger.wandb=true: wandb is not installed; run `pip install genolong[wandb]`")


def accelerator(chosen: TrainerSettings, devices: int) -> str:
    """cuda or cpu; refuses a GPU that is not there."""
    if chosen.accelerator == "cuda" and not torch.cuda.is_available():
        raise SettingsError("trainer.accelerator=cuda: torch sees no CUDA device here; take auto or cpu")
    if chosen.accelerator != "cpu" and torch.cuda.is_available() and torch.cuda.device_count() < devices:
        raise SettingsError(
            f"trainer.devices={chosen.devices}: wants {devices} GPUs on this machine, where torch sees "
            f"{torch.cuda.device_count()}; take fewer, or trainer.accelerator=cpu"
        )
    if chosen.accelerator == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return chosen.accelerator


def precision(chosen: TrainerSettings, devices: int) -> Any:
    """bf16-mixed where a GPU has it; float32 on a CPU, where PyTorch's kernels are faster in float32."""
    if chosen.precision != "auto":
        return chosen.precision
    return "bf16-mixed" if accelerator(chosen, devices) == "cuda" and torch.cuda.is_bf16_supported() else "32-true"


def _newest(folder: Path, every: int) -> ModelCheckpoint:
    return ModelCheckpoint(
        folder / "checkpoints", "last", every_n_train_steps=every, save_top_k=1, enable_version_counter=False
    )


def _loggers(chosen: LoggerSettings, folder: Path, name: str) -> list[Logger]:
    loggers: list[Logger] = [CSVLogger(folder, name="", version="")]
    if chosen.tensorboard and find_spec("tensorboard"):
        loggers.append(TensorBoardLogger(folder, name="tensorboard", version=""))
    if chosen.wandb:
        loggers.append(WandbLogger(name=name, save_dir=folder, project="genolong"))
    return loggers


def fit(trainer: pl.Trainer, model: pl.LightningModule, **data: Any) -> None:
    """Lightning's fit, which ends as a signal, an interruption or a lack of memory should."""
    try:
        trainer.fit(model, **data)
    except SIGTERMException:  # Lightning would end with 0, as if the training were done
        raise SystemExit(143) from None
    except SystemExit as ending:
        if ending.code == 143:
            raise
        raise KeyboardInterrupt from None  # Lightning makes another ending of Ctrl-C
    except (MemoryError, RuntimeError) as error:
        if trainer.received_sigterm:  # which ended the processes that read windows, too
            raise SystemExit(143) from None
        if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(error):
            raise SettingsError(
                "context: one step needs more memory than there is; take a smaller context.window_bp or context.batch, "
                "context.checkpoint_blocks=1 (recompute instead of keeping), or a smaller model"
            ) from error
        raise
