"""The settings of `predict`."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch

from genolong.commands.attention_choice import check_attention
from genolong.commands.precision_choice import check_precision
from genolong.commands.same_work import check_resume
from genolong.errors import SettingsError
from genolong.loading.windows import absolute
from genolong.parallel.settings import ParallelSettings
from genolong.tasks.variant_effect import ScoringSettings

Own = TypeVar("Own", bound="GenomeSettings")
FILES = ("vcf", "output", "synonyms", "skipped_to")  # settings that are paths


@dataclass(frozen=True)
class GenomeSettings:
    """conf/trained/predict.yaml, data: which genome the variants stand in, null for the run's own."""

    fasta: Any
    cache: str | None

    def __post_init__(self) -> None:
        if not all(isinstance(path, str) and path for path in self.paths) or (
            self.fasta is not None and not self.paths
        ):
            raise SettingsError(f"data.fasta={self.fasta}: wanted the path of a FASTA file, or a list of such paths")

    @property
    def paths(self) -> list[Any]:
        """The FASTA files that are named; none for the run's own."""
        if self.fasta is None:
            return []
        return list(self.fasta) if isinstance(self.fasta, (list, tuple)) else [self.fasta]

    def found_from_anywhere(self: Own) -> Own:
        """The same with absolute paths."""
        named = {name: absolute(path) for name in FILES if (path := getattr(self, name, None)) is not None}
        return replace(self, fasta=[absolute(path) for path in self.paths] or None, **named)


@dataclass(frozen=True)
class DeviceSettings:
    """conf/trained/predict.yaml, trainer: on what it runs."""

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
            raise SettingsError("trainer.accelerator=cuda: torch sees no CUDA device here; take auto or cpu")
        if self.torch_device(0).type == "cuda" and self.devices > torch.cuda.device_count():
            raise SettingsError(f"trainer.devices={self.devices}: this machine has {torch.cuda.device_count()} GPUs")

    def torch_device(self, local_rank: int) -> torch.device:
        """The device of a process of this machine; auto takes the GPUs where there are any."""
        if self.accelerator == "cpu" or not torch.cuda.is_available():
            return torch.device("cpu")
        return torch.device("cuda", local_rank)


@dataclass(frozen=True)
class MismatchSettings:
    """conf/trained/predict.yaml, embed.yaml: what is done where REF is not the genome's."""

    on_ref_mismatch: str
    most_mismatches: float

    def __post_init__(self) -> None:
        if self.on_ref_mismatch not in ("skip", "warn", "error"):
            raise SettingsError(f"on_ref_mismatch={self.on_ref_mismatch}: wanted skip, warn or error")
        if not 0 <= self.most_mismatches <= 1:
            raise SettingsError(f"most_mismatches={self.most_mismatches}: wanted a share from 0 to 1")


@dataclass(frozen=True)
class PredictSettings(ScoringSettings, MismatchSettings):
    """conf/trained/predict.yaml: which model, which VCF, how alleles are scored, and what is done on the way."""

    model: str
    vcf: str
    output: str
    data: GenomeSettings
    precision: str
    synonyms: str | None
    prefix: str
    overwrite_fields: bool
    skipped_to: str | None
    resume: str
    records_at_once: int
    trainer: DeviceSettings
    parallel: ParallelSettings
    debug: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        MismatchSettings.__post_init__(self)
        self.parallel.check_devices(self.trainer.devices)
        check_prefix(self.prefix)
        check_precision(self.precision)
        check_resume(self.resume)
        if self.records_at_once < 1:
            raise SettingsError(f"records_at_once={self.records_at_once}: wanted 1 or more")
        if self.skipped_to == "-":
            raise SettingsError("skipped_to=-: wanted a file of its own; standard output is for the VCF")
        self._refuse_to_overwrite()

    @property
    def scoring(self) -> ScoringSettings:
        """What is computed for an allele."""
        return self

    def found_from_anywhere(self, model: Path) -> "PredictSettings":
        """The same with absolute paths, and the model that a link meant."""
        named = {name: absolute(path) for name in FILES if (path := getattr(self, name)) is not None}
        return replace(self, model=str(model.resolve()), data=self.data.found_from_anywhere(), **named)

    def _refuse_to_overwrite(self) -> None:
        read = (self.vcf, self.synonyms, *self.data.paths)
        for name, path in (("output", self.output), ("skipped_to", self.skipped_to)):
            if among(path, read) is not None:
                raise SettingsError(f"{name}={path}: is the input itself; name another file")
        if self.skipped_to is not None and same_file(self.skipped_to, self.output):
            raise SettingsError(f"skipped_to={self.skipped_to}: is the output, too; name another file")


def check_prefix(prefix: str) -> None:
    """Raises SettingsError for what cannot begin the name of an INFO field."""
    if not prefix.isascii() or not prefix.isidentifier():
        raise SettingsError(f"prefix={prefix}: wanted letters, digits and _, the first no digit")


def among(path: str | Path | None, read: Iterable[str | Path | None]) -> str | Path | None:
    """The one of the files `read` that a path means; no path means none of them, and neither does standard output."""
    if path in (None, "-"):
        return None
    return next((each for each in read if each not in (None, "-") and same_file(each, path)), None)


def same_file(one: str | Path, other: str | Path) -> bool:
    """Whether two paths mean one file."""
    one, other = os.path.realpath(os.path.expanduser(one)), os.path.realpath(os.path.expanduser(other))
    try:
        return one == other or os.path.samefile(one, other)
    except OSError:  # one of them is not there
        return False
