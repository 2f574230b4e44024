"""`train`: a genome and settings in, a run folder with a trained model out."""

import logging
import signal
import threading
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf
from pytorch_lightning.callbacks import Callback, EMAWeightAveraging, ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger
from pytorch_lightning.utilities.exceptions import SIGTERMException

from genolong.commands.memory_check import check_memory
from genolong.commands.placed import placed
from genolong.commands.progress import TrainingProgress
from genolong.errors import SettingsError
from genolong.genome.coordinates import match_contig
from genolong.genome.fasta import Genome
from genolong.loading.datamodule import GenomeDataModule
from genolong.loading.order import TrainingOrder
from genolong.loading.windows import Split, split
from genolong.model.geometry import pairs_per_token
from genolong.parallel.place import Place
from genolong.parallel.shard import SequenceShard
from genolong.parallel.shared_weights import SharedWeightsStrategy
from genolong.parallel.strategy import SequenceParallelStrategy
from genolong.runs.checkpoint import RunCheckpointIO, weights_sha256
from genolong.runs.folder import make_folder
from genolong.runs.record import finished, started, write_record
from genolong.settings import LoggerSettings, TrainerSettings, TrainSettings
from genolong.tasks.masked_bases import MaskedBases

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Training:
    """A finished training: its folder, the trained model, all that it was made with, and record.json's content."""

    folder: Path
    model: MaskedBases
    trainer: pl.Trainer
    datamodule: GenomeDataModule
    genome: Genome
    split: Split
    record: dict[str, Any]


def train(settings: TrainSettings, folder: Path) -> Training:
    """Train, and leave config.yaml, record.json, metrics.csv and checkpoints in `folder`.

    With several devices, this process is the first of as many, or one of those that torchrun or SLURM started.
    Raises InputError (and its kinds) for whatever a person can mend.
    """
    with placed(settings.trainer.devices, settings.parallel, _train, settings, folder) as place:
        return _train(place, settings, folder)


def _train(place: Place, settings: TrainSettings, folder: Path) -> Training:
    fasta = settings.data.fasta
    genome = Genome.open([fasta] if isinstance(fasta, str) else fasta, settings.data.cache)
    settings = replace(with_window(settings, genome), data=settings.data.found_from_anywhere())
    window_bp = settings.context.window_bp
    assert window_bp is not None
    settings.model.check_window(window_bp, settings.parallel.sequence)
    parts = split(genome, settings.data, window_bp)
    check_machine(settings.trainer, settings.logger, place.local_size)
    check_memory(settings, cuda=accelerator(settings.trainer, place.local_size) == "cuda", processes=place.local_size)
    order = TrainingOrder(
        genome, parts.train, window_bp, settings.data.min_known, settings.data.reverse_complement, settings.seed
    )
    plain = asdict(settings)
    record = started(plain, settings.seed, genome.sha256)
    if place.rank == 0:
        for note in (*genome.notes, *parts.notes, *order.notes):
            logger.info(note)
        make_folder(folder, Path(settings.run.folder, settings.run.name))
        OmegaConf.save(OmegaConf.create(plain), folder / "config.yaml")
        write_record(folder, record)
    pl.seed_everything(settings.seed, workers=True, verbose=False)
    model = MaskedBases(
        settings.model, settings.task, settings.optimizer, max_steps=settings.trainer.max_steps, seed=settings.seed,
        checkpoint_blocks=settings.context.checkpoint_blocks,
    )  # fmt: skip
    datamodule = GenomeDataModule(
        order, parts.validation, settings.task.masking, batch=settings.context.batch,
        accumulation=settings.context.accumulation, max_steps=settings.trainer.max_steps, workers=settings.data.workers,
    )  # fmt: skip
    checkpoints = RunCheckpointIO({"settings": plain, "inputs_sha256": dict(genome.sha256)})
    trainer = make_trainer(
        settings.trainer, settings.logger, settings.run.name, folder, checkpoints,
        TrainingProgress(bases_per_step(settings)), settings.context.accumulation,
        across(place, settings),
    )  # fmt: skip
    _tell_plan(settings, model)
    try:
        fit(trainer, model, datamodule=datamodule)
    except BaseException as error:
        if place.rank == 0:
            stopped = {"status": f"stopped: {type(error).__name__}", "steps": trainer.global_step}
            write_record(folder, {**record, **stopped})
        raise
    if trainer.global_step < trainer.max_steps:
        logger.info("stopped by trainer.max_time after %d of %d steps", trainer.global_step, trainer.max_steps)
    trainer.save_checkpoint(folder / "checkpoints" / "last.ckpt")
    results = {
        "steps": trainer.global_step,
        "bases": trainer.global_step * bases_per_step(settings),
        "metrics": {name: float(value) for name, value in trainer.logged_metrics.items()},
        "weights_sha256": weights_sha256(trainer.strategy.lightning_module_state_dict()),
    }
    record = finished(record, results)
    if place.rank == 0:
        write_record(folder, record)
    return Training(folder, model, trainer, datamodule, genome, parts, record)


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


def with_window(settings: TrainSettings, genome: Genome) -> TrainSettings:
    """The settings with the window written out: context=chromosome reads all that leaves a window to hold out.

    Where contigs are held out by name, the longest window that fits one of them and one of the others; otherwise half
    of the longest contig.
    """
    if settings.context.window_bp is not None:
        return settings
    lengths = {name: contig.length for name, contig in genome.contigs.items()}
    named = [] if settings.data.validation is None or settings.data.validation_bed else settings.data.validation_contigs
    held = {found for name in named if (found := match_contig(name, lengths)) is not None}
    sides = [max(lengths[name] for name in side) for side in (held, set(lengths) - held) if side]
    window_bp = min(sides) if held else sides[0] // 2
    return replace(settings, context=replace(settings.context, window_bp=max(1, window_bp)))


def bases_per_step(settings: TrainSettings) -> int:
    """Bases read for one optimizer step, by all devices together."""
    assert settings.context.window_bp is not None
    replicas = settings.trainer.devices // settings.parallel.sequence
    return settings.context.window_bp * settings.context.batch * settings.context.accumulation * replicas


class LastStep(Callback):
    """The last step is followed by a validation, whether or not trainer.validate_every divides the steps."""

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        trainer.should_stop = trainer.should_stop or trainer.global_step >= trainer.max_steps


class NoSharedSignal(Callback):
    """SIGTERM ends this process at once, and with the first process all of them.

    Lightning would tell the other processes by a message before every batch, and another from within the handler of the
    signal, which may come in the midst of any other message.
    """

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
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
        num_nodes=place.size // place.local_size, strategy=devices.strategy or "auto", precision=precision(chosen, place.local_size),
        max_steps=chosen.max_steps, max_time=chosen.max_time, accumulate_grad_batches=accumulation,
        val_check_interval=min(chosen.validate_every, chosen.max_steps) * accumulation,
        num_sanity_val_steps=0, log_every_n_steps=1, use_distributed_sampler=False, enable_progress_bar=False,
        enable_model_summary=False, logger=_loggers(loggers, folder, name),
        callbacks=callbacks, plugins=[checkpoints], default_root_dir=folder,
    )  # fmt: skip


def check_machine(chosen: TrainerSettings, loggers: LoggerSettings, devices: int) -> None:
    """Raises SettingsError where this machine lacks what so many processes of it are to have; to be called before a folder is made."""
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


def _tell_plan(settings: TrainSettings, model: MaskedBases) -> None:
    window_bp = settings.context.window_bp
    assert window_bp is not None
    branches = settings.model.branches(window_bp)
    shown = " ".join(f"{branch.segment}/{branch.dilation}" for branch in branches)
    size = sum(weight.numel() for weight in model.parameters())
    logger.info(
        "model of %s parameters, window %s bases, %s bases a step; attention segments/dilations %s: %.0f pairs a base",
        f"{size:,}", f"{window_bp:,}", f"{bases_per_step(settings):,}", shown, pairs_per_token(branches),
    )  # fmt: skip
