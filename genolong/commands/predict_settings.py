"""The settings of `predict`."""

import os
from dataclasses import dataclass
from typing import Any

import torch

from genolong.errors import SettingsError
from genolong.tasks.variant_effect import ScoringSettings


@dataclass(frozen=True)
class GenomeSettings:
    """conf/trained/predict.yaml, data: which genome the variants stand in, null for the run's own."""

    fasta: Any
    cache: str | None


@dataclass(frozen=True)
class DeviceSettings:
    """conf/trained/predict.yaml, trainer: on what it runs."""

    devices: int
    accelerator: str

    def __post_init__(self) -> None:
        if self.devices < 1:
            raise SettingsError(f"trainer.devices={self.devices}: wanted 1 or more")
        if self.accelerator not in ("auto", "cpu", "cuda"):
            raise SettingsError(f"trainer.accelerator={self.accelerator}: wanted auto, cpu or cuda")
        if self.accelerator == "cuda" and not torch.cuda.is_available():
            raise SettingsError("trainer.accelerator=cuda: torch sees no CUDA device here; take auto or cpu")

    @property
    def torch_device(self) -> torch.device:
        """The device itself; auto takes the GPU where there is one."""
        if self.accelerator == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return torch.device(self.accelerator)


@dataclass(frozen=True)
class PredictSettings:
    """conf/trained/predict.yaml: which model, which VCF, how alleles are scored, and what is done on the way."""

    model: str
    vcf: str
    output: str
    data: GenomeSettings
    scoring: ScoringSettings
    synonyms: str | None
    on_ref_mismatch: str
    most_mismatches: float
    prefix: str
    overwrite_fields: bool
    skipped_to: str | None
    resume: str
    records_at_once: int
    trainer: DeviceSettings
    debug: bool

    def __post_init__(self) -> None:
        if self.on_ref_mismatch not in ("skip", "warn", "error"):
            raise SettingsError(f"on_ref_mismatch={self.on_ref_mismatch}: wanted skip, warn or error")
        if not 0 <= self.most_mismatches <= 1:
            raise SettingsError(f"most_mismatches={self.most_mismatches}: wanted a share from 0 to 1")
        if not self.prefix.isascii() or not self.prefix.isidentifier():
            raise SettingsError(f"prefix={self.prefix}: wanted letters, digits and _, the first no digit")
        if self.resume not in ("auto", "no"):
            raise SettingsError(f"resume={self.resume}: wanted auto or no")
        if self.records_at_once < 1:
            raise SettingsError(f"records_at_once={self.records_at_once}: wanted 1 or more")
        if self.output != "-" and self.vcf != "-" and _same_file(self.vcf, self.output):
            raise SettingsError(f"output={self.output}: is the input itself; name another file")


def _same_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(os.path.expanduser(one), os.path.expanduser(other))
    except OSError:
        return False
