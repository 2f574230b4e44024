"""The settings of `train task=variant_effect`."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from genolong.commands.class_settings import ClassSettings, texts
from genolong.commands.reading.reading_settings import GenomeSettings
from genolong.errors import SettingsError
from genolong.loading.windows import absolute
from genolong.model.variant_head import VariantHeadSettings
from genolong.parallel.settings import ParallelSettings
from genolong.settings import CheckpointSettings, LoggerSettings, RunSettings, TrainerSettings, check_seed
from genolong.tasks.optimizer_settings import OptimizerSettings


@dataclass(frozen=True)
class LabelledDataSettings(GenomeSettings, ClassSettings):
    """conf/trained/train_variants.yaml, data: which labels to separate, and which alleles to hold out."""

    WITHIN: ClassVar[str] = "data."

    vcf: str
    label: str
    synonyms: str | None
    validation: Any
    validation_share: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.vcf == "-":
            raise SettingsError("data.vcf=-: is read twice, which standard input cannot be; name a file")
        self.check_classes(self.label)
        if not 0 < self.validation_share < 1:
            raise SettingsError(f"data.validation_share={self.validation_share}: wanted more than 0 and less than 1")
        texts("data.validation", [] if self.validation is None else self.validation, least=0)

    def found_from_anywhere(self) -> "LabelledDataSettings":
        """The same with absolute paths."""
        synonyms = self.synonyms and absolute(self.synonyms)
        return replace(super().found_from_anywhere(), vcf=absolute(self.vcf), synonyms=synonyms)

    @property
    def validation_contigs(self) -> list[str]:
        """Contigs to hold out; none if blocks of positions are held out instead."""
        return [] if self.validation is None else texts("data.validation", self.validation, least=1)


@dataclass(frozen=True)
class VariantTrainSettings:
    """conf/trained/train_variants.yaml: everything that defines the training of a variant head."""

    task: str
    init_from: str
    seed: int
    batch: int
    encoder: str
    checkpoint_blocks: int | None
    encoder_rate: float
    longest_allele: int
    debug: bool
    resume: str
    run: RunSettings
    data: LabelledDataSettings
    head: VariantHeadSettings
    optimizer: OptimizerSettings
    trainer: TrainerSettings
    checkpoint: CheckpointSettings
    parallel: ParallelSettings
    logger: LoggerSettings

    def found_from_anywhere(self, model: Path) -> "VariantTrainSettings":
        """The same with absolute paths, and with links to the model resolved."""
        return replace(self, init_from=str(model.resolve()), data=self.data.found_from_anywhere())

    def __post_init__(self) -> None:
        if self.task != "variant_effect":
            raise SettingsError(f"task={self.task}: wanted variant_effect")
        check_seed(self.seed)
        for name, least in (("batch", 1), ("longest_allele", 1), ("checkpoint_blocks", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise SettingsError(f"{name}={value}: wanted {least} or more")
        if self.encoder not in ("frozen", "tuned"):
            raise SettingsError(f"encoder={self.encoder}: wanted frozen or tuned")
        if not 0 < self.encoder_rate <= 1:
            raise SettingsError(f"encoder_rate={self.encoder_rate}: wanted a share of the learning rate, more than 0")
        if self.optimizer.kind != "adamw":
            raise SettingsError(f"optimizer.kind={self.optimizer.kind}: a variant head is trained with adamw")
        if self.parallel.sequence != self.trainer.devices:
            raise SettingsError(
                f"parallel.sequence={self.parallel.sequence}: devices train a variant head on the same windows, each "
                f"on its slice; use parallel.sequence={self.trainer.devices}, the same as trainer.devices"
            )
        if self.trainer.ema_decay:
            raise SettingsError(
                f"trainer.ema_decay={self.trainer.ema_decay}: wanted 0; a variant head is calibrated, not averaged"
            )
