"""All settings: from YAML and overrides to frozen dataclasses with checked values."""

import re
from dataclasses import dataclass, fields, is_dataclass, make_dataclass
from typing import Any, TypeVar, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, MissingMandatoryValue, OmegaConfBaseException

from genolong.composing import CONF as CONF
from genolong.composing import PACKAGE
from genolong.errors import SettingsError, UnsafeInputError
from genolong.harmless import entries
from genolong.loading.windows import DataSettings
from genolong.model.attention.kernel_names import KERNELS
from genolong.model.encoder_settings import EncoderSettings
from genolong.nearest import nearest_setting
from genolong.parallel.settings import TrainingParallelSettings
from genolong.runs.folder import check_name
from genolong.tasks.masked_bases_settings import MaskedBasesSettings
from genolong.tasks.optimizer_settings import OptimizerSettings

DEMO = PACKAGE / "demo_data" if (PACKAGE / "demo_data").is_dir() else PACKAGE.parent / "data" / "demo"
_UNREAD = re.compile(r"Value '(.*)' (?:of type '.*' could not be converted to (Integer|Float)|is not a valid bool)")
_KINDS = {"Integer": "a whole number", "Float": "a number", None: "true or false"}
LARGEST = 1 << 40  # larger than any setting can be; also refuses NaN
ATTENTION = ("auto", *KERNELS)  # kernels to choose from


@dataclass(frozen=True)
class RunSettings:
    """conf/train.yaml, run: the name and place of a run's folder."""

    name: str
    folder: str

    def __post_init__(self) -> None:
        check_name(self.name)
        if not self.folder.strip():
            raise SettingsError(f"run.folder={self.folder!r}: is empty; wanted the folder where all runs are kept")


@dataclass(frozen=True)
class ContextSettings:
    """conf/context/*.yaml: how much is read per step, and what is kept of it for the backward pass."""

    window_bp: int | None
    batch: int
    accumulation: int
    checkpoint_blocks: int

    def __post_init__(self) -> None:
        for name, least in (("window_bp", 1), ("batch", 1), ("accumulation", 1), ("checkpoint_blocks", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise SettingsError(f"context.{name}={value}: wanted {least} or more")

    @property
    def bases(self) -> int:
        """Bases read by one replica per optimizer step; window_bp must be set."""
        assert self.window_bp is not None
        return self.window_bp * self.batch * self.accumulation


@dataclass(frozen=True)
class TrainerSettings:
    """conf/trainer/*.yaml: how long to train, on which devices, and how often to validate."""

    max_steps: int
    devices: int
    accelerator: str
    precision: str
    deterministic: bool
    max_time: str | None
    validate_every: int
    ema_decay: float
    attention: str
    check_memory: bool

    def __post_init__(self) -> None:
        for name in ("max_steps", "validate_every"):
            if getattr(self, name) < 1:
                raise SettingsError(f"trainer.{name}={getattr(self, name)}: wanted a number of steps, 1 or more")
        if self.devices < 1:
            raise SettingsError(f"trainer.devices={self.devices}: wanted 1 or more")
        for name, known in (
            ("accelerator", ("auto", "cpu", "cuda")), ("precision", ("auto", "32-true", "bf16-mixed")),
            ("attention", ATTENTION),
        ):  # fmt: skip
            if getattr(self, name) not in known:
                raise SettingsError(f"trainer.{name}={getattr(self, name)}: wanted {' or '.join(known)}")
        if self.max_time is not None and not re.fullmatch(r"(?!00:00:00:00)\d\d(:\d\d){3}", self.max_time):
            raise SettingsError(
                f"trainer.max_time={self.max_time}: wanted days:hours:minutes:seconds, like 00:01:30:00, more than 0"
            )
        if not 0 <= self.ema_decay < 1:
            raise SettingsError(f"trainer.ema_decay={self.ema_decay}: wanted at least 0 (none) and less than 1")


@dataclass(frozen=True)
class CheckpointSettings:
    """conf/train.yaml, checkpoint: how often a training is saved, and how many checkpoints are kept."""

    every_n_steps: int
    keep: int

    def __post_init__(self) -> None:
        for name in ("every_n_steps", "keep"):
            if getattr(self, name) < 1:
                raise SettingsError(f"checkpoint.{name}={getattr(self, name)}: wanted 1 or more")


@dataclass(frozen=True)
class LoggerSettings:
    """conf/logger/*.yaml: where metrics are logged besides metrics.csv."""

    tensorboard: bool
    wandb: bool


@dataclass(frozen=True)
class TrainSettings:
    """conf/train.yaml: everything that defines a training."""

    seed: int
    debug: bool
    init_from: str | None
    resume: str
    run: RunSettings
    checkpoint: CheckpointSettings
    data: DataSettings
    model: EncoderSettings
    context: ContextSettings
    task: MaskedBasesSettings
    optimizer: OptimizerSettings
    trainer: TrainerSettings
    parallel: TrainingParallelSettings
    logger: LoggerSettings

    def __post_init__(self) -> None:
        self.parallel.check_devices(self.trainer.devices)
        if self.parallel.share_weights:
            for name, value, wanted in (
                ("optimizer.kind", self.optimizer.kind, "adamw"), ("trainer.ema_decay", self.trainer.ema_decay, 0)
            ):  # fmt: skip
                if value != wanted:
                    raise SettingsError(
                        f"{name}={value}: needs whole matrices, but parallel.share_weights=true splits them; "
                        f"use {name}={wanted}"
                    )
        check_seed(self.seed)


def check_seed(seed: int) -> None:
    """Raises SettingsError for a seed that the generators do not take."""
    if not 0 <= seed < 1 << 32:
        raise SettingsError(f"seed={seed}: wanted a whole number from 0 to {(1 << 32) - 1}")


Schema = TypeVar("Schema")


def check(config: Any, schema: type[Schema]) -> Schema:
    """The settings as a `schema`; raises SettingsError with the full name of the first wrong key.

    Keys that start with an underscore, and values with references left in them, raise UnsafeInputError: a configuration
    chooses values, and never executes anything.
    """
    try:
        plain = OmegaConf.to_container(config, resolve=True) if isinstance(config, DictConfig) else config
        if not isinstance(plain, dict):
            raise SettingsError(f"{str(plain)[:40]!r}: wanted named settings")
        refuse_active(plain)
        merged = OmegaConf.merge(OmegaConf.structured(_thawed(schema)), cast(dict[str, Any], plain))
        values = OmegaConf.to_container(merged, resolve=True, throw_on_missing=True)
        for key, value in entries(values):
            if isinstance(value, (int, float)) and not -LARGEST < value < LARGEST:
                raise SettingsError(f"{key}={value}: wanted a number, at most {LARGEST:.2g}")
        return _made(schema, cast(dict[str, Any], values))
    except OmegaConfBaseException as error:
        key = error.full_key or ""
        if isinstance(error, MissingMandatoryValue):
            raise SettingsError(f"{key}: is missing; add {key}=... (--help says what it is)") from error
        if isinstance(error, ConfigKeyError):
            raise SettingsError(f"{key}: no such setting{nearest_setting(key, known_keys(schema))}") from error
        if "is not a ListConfig" in str(error.msg):
            raise SettingsError(f"{key}: wanted a list; write {key}=[...], also for a single value") from error
        words = str(error.msg or error).splitlines()[0]
        if unread := _UNREAD.match(words):
            raise SettingsError(f"{key}={unread[1]}: wanted {_KINDS[unread[2]]}") from error
        if words.startswith("Incompatible value 'None'"):
            raise SettingsError(f"{key}=null: wanted a value; leave it out for the default") from error
        raise SettingsError(f"{key}: {words}") from error


def refuse_active(plain: Any) -> None:
    """Raises UnsafeInputError for settings that name code, or contain references."""
    for key, value in entries(plain):
        if key.rsplit(".", 1)[-1].startswith("_"):
            raise UnsafeInputError(f"{key}: settings may not name code; remove this key")
        if isinstance(value, str) and "${" in value:  # from a checkpoint, or in a value that was looked up
            raise UnsafeInputError(f"{key}={value}: is not looked up (again); write the value itself")


def train_settings(config: DictConfig) -> TrainSettings:
    """The settings of `train`."""
    return on_a_genome(config, TrainSettings)


def on_a_genome(config: DictConfig, schema: type[Schema]) -> Schema:
    """The settings of a training; without data.fasta, it uses the demo genome in the package."""
    plain = cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))
    plain.pop("experiment", None)
    if isinstance(plain.get("data"), dict) and plain["data"].get("fasta") is None:
        plain["data"]["fasta"] = str(DEMO / "genome.fa.gz")
    return check(plain, schema)


def known_keys(schema: Any, prefix: str = "") -> list[str]:
    """The full names of all settings of a schema."""
    return [
        name
        for field in fields(schema)
        for name in (
            known_keys(field.type, f"{prefix}{field.name}.") if is_dataclass(field.type) else [prefix + field.name]
        )
    ]


def _thawed(schema: Any) -> Any:
    """The same fields in a dataclass that is not frozen, which OmegaConf can fill; it checks only types."""
    named = [(field.name, _thawed(field.type) if is_dataclass(field.type) else field.type) for field in fields(schema)]
    return make_dataclass(schema.__name__, named)


def _made(schema: Any, values: dict[str, Any]) -> Any:
    return schema(
        **{
            field.name: _made(field.type, values[field.name]) if is_dataclass(field.type) else values[field.name]
            for field in fields(schema)
        }
    )
