"""Settings shared by commands that read a genome with a trained model: genome, model and device."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch

from genolong.commands.reading.attention_choice import check_attention
from genolong.commands.reading.precision_choice import check_precision
from genolong.commands.same_file import check_output
from genolong.commands.same_work import check_resume
from genolong.errors import SettingsError
from genolong.loading.windows import absolute
from genolong.parallel.settings import ParallelSettings

Genome = TypeVar("Genome", bound="GenomeSettings")
Reading = TypeVar("Reading", bound="ReadingSettings")


@dataclass(frozen=True)
class GenomeSettings:
    """conf/trained/*.yaml, data: which genome to read; null: the run's own."""

    fasta: Any
    cache: str | None

    def __post_init__(self) -> None:
        if not all(isinstance(path, str) and path for path in self.paths) or (
            self.fasta is not None and not self.paths
        ):
            raise SettingsError(f"data.fasta={self.fasta}: wanted the path of a FASTA file, or a list of such paths")

    @property
    def paths(self) -> list[Any]:
        """The requested FASTA files; empty for the run's own."""
        if self.fasta is None:
            return []
        return list(self.fasta) if isinstance(self.fasta, (list, tuple)) else [self.fasta]

    def found_from_anywhere(self: Genome) -> Genome:
        """The same with absolute paths."""
        return replace(self, fasta=[absolute(path) for path in self.paths] or None)


@dataclass(frozen=True)
class DeviceSettings:
    """conf/trained/*.yaml, trainer: which devices and kernels to use."""

    devices: int
    accelerator: str
    attention: str
    check_memory: bool

    def __post_init__(self) -> None:
        if self.devices < 1:
            raise SettingsError(f"trainer.devices={self.devices}: wanted 1 or more")
        if self.accelerator not in ("auto", "cpu", "cuda"):
            raise SettingsError(f"trainer.accelerator={self.accelerator}: wanted auto, cpu or cuda")
        check_attention(self.attention, "trainer.attention")
        if self.accelerator == "cuda" and not torch.cuda.is_available():
            raise SettingsError("trainer.accelerator=cuda: torch sees no CUDA device here; use auto or cpu")
        if self.torch_device(0).type == "cuda" and self.devices > torch.cuda.device_count():
            raise SettingsError(f"trainer.devices={self.devices}: this machine has {torch.cuda.device_count()} GPUs")

    def torch_device(self, local_rank: int) -> torch.device:
        """The device of a process on this machine; auto chooses GPUs if there are any."""
        if self.accelerator == "cpu" or not torch.cuda.is_available():
            return torch.device("cpu")
        return torch.device("cuda", local_rank)


@dataclass(frozen=True)
class ReadingSettings:
    """Settings that conf/trained/{predict,map,embed}.yaml have in common."""

    PATHS: ClassVar[tuple[str, ...]]  # settings that are paths, besides the model and the genome

    model: str
    output: str
    data: GenomeSettings
    precision: str
    resume: str
    trainer: DeviceSettings
    parallel: ParallelSettings
    debug: bool

    def __post_init__(self) -> None:
        check_output(self.output)
        self.parallel.check_devices(self.trainer.devices)
        check_precision(self.precision)
        check_resume(self.resume)

    def found_from_anywhere(self: Reading, model: Path) -> Reading:
        """The same with absolute paths, and with links to the model resolved."""
        named = {name: absolute(path) for name in self.PATHS if (path := getattr(self, name)) not in (None, "-")}
        return replace(self, model=str(model.resolve()), data=self.data.found_from_anywhere(), **named)
