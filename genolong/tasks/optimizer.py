"""AdamW: which weights decay, and the learning rate at every step."""

from dataclasses import dataclass
from math import cos, inf, pi

from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from genolong.errors import SettingsError


@dataclass(frozen=True)
class OptimizerSettings:
    """conf/optimizer/*.yaml: AdamW, warm-up and decay."""

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
        for name in ("learning_rate", "clip"):
            if not 0 < getattr(self, name) < inf:
                raise SettingsError(f"optimizer.{name}={getattr(self, name)}: wanted a number, more than 0")
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise SettingsError(f"optimizer.{name}={getattr(self, name)}: wanted at least 0 and less than 1")
        for name in ("decay_share", "final_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(f"optimizer.{name}={getattr(self, name)}: wanted a number from 0 to 1")
        for name in ("weight_decay", "warmup_steps"):
            if not 0 <= getattr(self, name) < inf:
                raise SettingsError(f"optimizer.{name}={getattr(self, name)}: wanted 0 or more")
        if self.schedule not in ("cosine", "wsd"):
            raise SettingsError(f"optimizer.schedule={self.schedule}: wanted cosine or wsd (warm-up, stable, decay)")

    def rate_at(self, step: int, max_steps: int) -> float:
        """The share of `learning_rate` in force at `step`: linear warm-up, then cosine, or flat and a linear decay."""
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        if self.schedule == "cosine":
            done = (step - self.warmup_steps) / max(1, max_steps - self.warmup_steps)
            falling = (1 + cos(pi * min(done, 1))) / 2
        else:
            decay_steps = max(1, round(max_steps * self.decay_share))
            falling = min(1.0, max(0.0, (max_steps - step) / decay_steps))
        return self.final_share + (1 - self.final_share) * falling


def adamw(module: nn.Module, settings: OptimizerSettings, max_steps: int) -> tuple[AdamW, LambdaLR]:
    """AdamW with weight decay on matrices only (no bias, norm, embedding or convolution tap), and its schedule."""
    embeddings = [part for part in module.modules() if isinstance(part, nn.Embedding)]
    embedded = {id(part.weight) for part in embeddings}
    matrices, others = [], []
    for weight in module.parameters():
        (matrices if weight.ndim == 2 and id(weight) not in embedded else others).append(weight)
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    optimizer = AdamW(groups, lr=settings.learning_rate, betas=(settings.beta1, settings.beta2))
    return optimizer, LambdaLR(optimizer, lambda step: settings.rate_at(step, max_steps))
