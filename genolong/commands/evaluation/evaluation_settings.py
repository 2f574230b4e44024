"""The settings of `evaluate`: for a model on held-out bases, or for the scores of a labelled VCF."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from genolong.commands.class_settings import ClassSettings, texts
from genolong.commands.reading.attention_choice import check_attention
from genolong.commands.reading.precision_choice import check_precision
from genolong.commands.reading.reading_settings import GenomeSettings
from genolong.commands.same_file import check_output
from genolong.commands.variants.effect_fields import check_prefix
from genolong.errors import SettingsError
from genolong.loading.contexts import SHORTEST_BP
from genolong.loading.windows import absolute, is_bed
from genolong.settings import check_seed

FEWEST_DRAWS = 40  # with so many, one draw lies below 2.5 %
ONLY_K_MERS = "is read for the k-mer baseline only; name its run too (model=)"


@dataclass(frozen=True)
class HeldOutSettings(GenomeSettings):
    """conf/trained/evaluate.yaml, data: which genome to read (null: the run's own), and which part of it."""

    validation: Any
    regions: str | None

    def found_from_anywhere(self) -> "HeldOutSettings":
        """The same with absolute paths."""
        validation = absolute(self.validation) if is_bed(self.validation) else self.validation
        regions = self.regions and absolute(self.regions)
        return replace(super().found_from_anywhere(), validation=validation, regions=regions)


@dataclass(frozen=True)
class HeldOutBasesSettings:
    """conf/trained/evaluate.yaml without `vcf`: which windows, with how much context."""

    windows: int | None
    share: float | None
    contexts: bool
    longest_context: int
    device: str
    precision: str
    attention: str
    check_memory: bool

    def __post_init__(self) -> None:
        if self.windows is not None and self.windows < 0:
            raise SettingsError(f"windows={self.windows}: wanted a number of windows, 0 for all of them, or null")
        if self.share is not None and not 0 < self.share < 1:
            raise SettingsError(f"share={self.share}: wanted more than 0 and less than 1, or null")
        if self.longest_context and self.longest_context < SHORTEST_BP:
            raise SettingsError(
                f"longest_context={self.longest_context}: wanted {SHORTEST_BP} bases or more, or 0 for the window"
            )
        if self.device not in ("auto", "cpu", "cuda"):
            raise SettingsError(f"device={self.device}: wanted auto, cpu or cuda")
        check_attention(self.attention, "attention")
        check_precision(self.precision)
        if self.device == "cuda" and not torch.cuda.is_available():
            raise SettingsError("device=cuda: this machine has no CUDA device that torch can use; take device=cpu")

    @property
    def torch_device(self) -> torch.device:
        """The device; auto chooses the GPU if there is one."""
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return torch.device(self.device)


@dataclass(frozen=True)
class LabelledVcfSettings(ClassSettings):
    """conf/trained/evaluate.yaml with `vcf`: which labels to separate, by which scores, and the intervals."""

    vcf: str | None
    label: str | None
    baselines: Any
    strata: str | None
    synonyms: str | None
    prefix: str
    bootstrap: int
    seed: int

    def __post_init__(self) -> None:
        if self.vcf is None:
            self._refuse_what_needs_a_vcf()
        elif self.label is None:
            raise SettingsError(
                f"label: wanted the INFO field of {self.vcf} that tells its variants apart, as in CLNSIG"
            )
        self.check_classes(self.label)
        check_prefix(self.prefix)
        if self.bootstrap and self.bootstrap < FEWEST_DRAWS:
            raise SettingsError(
                f"bootstrap={self.bootstrap}: wanted {FEWEST_DRAWS} draws or more, or 0 for no intervals"
            )
        check_seed(self.seed)

    @property
    def baseline_fields(self) -> list[str]:
        """INFO fields of other scores to compare."""
        return [] if self.baselines is None else texts("baselines", self.baselines, least=0)

    def _refuse_what_needs_a_vcf(self) -> None:
        for name in ("label", "positive", "negative", "baselines", "strata", "synonyms"):
            if getattr(self, name):
                raise SettingsError(f"{name}={getattr(self, name)}: is about a VCF; name it too (vcf=)")


@dataclass(frozen=True)
class EvaluationSettings(HeldOutBasesSettings, LabelledVcfSettings):
    """conf/trained/evaluate.yaml: the settings of both kinds of evaluation, and those that they share."""

    model: str | None
    data: HeldOutSettings
    output: str | None
    debug: bool

    def __post_init__(self) -> None:
        HeldOutBasesSettings.__post_init__(self)
        LabelledVcfSettings.__post_init__(self)
        if self.model is None and self.vcf is None:
            raise SettingsError(
                "model: wanted a run's folder, like runs/quickstart/latest; or a VCF with scores (vcf=FILE label=FIELD)"
            )
        if self.vcf is not None:
            self._refuse_what_a_vcf_has_no_use_for()
        check_output(self.output)
        if self.vcf == "-" and self.output is None:
            raise SettingsError("output: wanted a JSON file for the figures, where the VCF comes from standard input")
        if self.vcf is not None and self.output is not None and self.output.lower().endswith(".png"):
            raise SettingsError(
                f"output={self.output}: is the name of the picture; wanted that of a JSON file beside it"
            )

    def found_from_anywhere(self, output: Path) -> "EvaluationSettings":
        """The same with absolute paths, and with the output's default filled in."""
        named = {name: absolute(path) for name in ("model", "vcf", "synonyms") if (path := getattr(self, name))}
        return replace(self, data=self.data.found_from_anywhere(), output=absolute(str(output)), **named)

    def _refuse_what_a_vcf_has_no_use_for(self) -> None:
        for name, value in vars(self.data).items():
            if value is not None and name in ("validation", "regions"):
                raise SettingsError(f"data.{name}={value}: is about held-out bases; leave it out where a VCF is named")
            if value is not None and self.model is None:
                raise SettingsError(f"data.{name}={value}: {ONLY_K_MERS}")
        if self.synonyms is not None and self.model is None:
            raise SettingsError(f"synonyms={self.synonyms}: {ONLY_K_MERS}")
