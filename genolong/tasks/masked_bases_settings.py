"""Settings of pretraining on hidden bases; without torch or Lightning."""

from dataclasses import dataclass

from genolong.errors import SettingsError
from genolong.loading.masking import MaskingSettings


@dataclass(frozen=True)
class MaskedBasesSettings:
    """conf/task/masked_bases.yaml: which bases are hidden, and the weight of soft-masked ones (others weigh 1)."""

    masking: MaskingSettings
    repeat_weight_train: float
    repeat_weight_validation: float

    def __post_init__(self) -> None:
        for name in ("repeat_weight_train", "repeat_weight_validation"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(f"task.{name}={getattr(self, name)}: wanted a weight from 0 to 1")
