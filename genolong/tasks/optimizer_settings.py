"""Settings of the optimizer, and the learning rate of every step; without torch."""

from dataclasses import dataclass
from math import cos, inf, pi

from genolong.errors import SettingsError


@dataclass(frozen=True)
class OptimizerSettings:
    """conf/optimizer/*.yaml: AdamW or Muon, warm-up and decay."""

    kind: str
    learning_rate: float
    beta1: float
    beta2: float
    weight_decay: float
    warmup_steps: int
    schedule: str
    decay_share: float
    final_share: float
    clip: float

    def __post_init__(self) -> None:
        for names, allows, wanted in (
            (("kind",), ("adamw", "muon").__contains__, "adamw or muon"),
            (("learning_rate", "clip"), lambda value: 0 < value < inf, "a number, more than 0"),
            (("beta1", "beta2"), lambda value: 0 <= value < 1, "at least 0 and less than 1"),
            (("decay_share", "final_share"), lambda value: 0 <= value <= 1, "a number from 0 to 1"),
            (("weight_decay", "warmup_steps"), lambda value: 0 <= value < inf, "0 or more"),
            (("schedule",), ("cosine", "wsd").__contains__, "cosine or wsd (warm-up, stable, decay)"),
        ):
            for name in names:
                if not allows(getattr(self, name)):
                    raise SettingsError(f"optimizer.{name}={getattr(self, name)}: wanted {wanted}")

    def rate_at(self, step: int, max_steps: int) -> float:
        """The fraction of `learning_rate` at `step`: linear warm-up, then cosine, or constant with a linear decay."""
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        if self.schedule == "cosine":
            done = (step - self.warmup_steps) / max(1, max_steps - self.warmup_steps)
            falling = (1 + cos(pi * min(done, 1))) / 2
        else:
            decay_steps = max(1, round(max_steps * self.decay_share))
            falling = min(1.0, max(0.0, (max_steps - step) / decay_steps))
        return self.final_share + (1 - self.final_share) * falling
