"""AdamW, alone or with Muon for the encoder's matrices; which weights decay, and clipping of their gradient."""

from collections.abc import Callable, Iterable
from math import isfinite
from typing import Any

import torch
from torch import nn
from torch.distributed.tensor import DTensor
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from genolong.errors import NumericalError
from genolong.tasks.muon import Muon
from genolong.tasks.optimizer_settings import OptimizerSettings


class MuonAndAdamW(Optimizer):
    """Muon (github.com/KellerJordan/Muon) for some matrices, AdamW for the other weights, as one optimizer.

    Muon's updates are the momentum with its singular values made equal, scaled to the size that AdamW's would have
    (arXiv 2502.16982, section 2.2), so that one learning rate suits both.
    """

    def __init__(self, matrices: list[nn.Parameter], others: list[dict[str, Any]], settings: OptimizerSettings) -> None:
        self._muon = Muon(
            matrices, lr=settings.learning_rate, weight_decay=settings.weight_decay, adjust_lr_fn="match_rms_adamw"
        )
        self._adamw = adamw(others, settings)
        super().__init__([*self._muon.param_groups, *self._adamw.param_groups], {})

    def step(self, closure: Any = None) -> Any:
        """One step of both; they share this optimizer's groups and states, so that checkpoints hold everything."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part, groups in ((self._muon, self.param_groups[:1]), (self._adamw, self.param_groups[1:])):
            part.state, part.param_groups = self.state, groups
            part.step()
        return loss


def make_optimizer(
    module: nn.Module, encoder: nn.Module, settings: OptimizerSettings, max_steps: int
) -> tuple[Optimizer, LambdaLR]:
    """The optimizer of all weights of `module`, and its schedule.

    Only matrices decay: no biases, norms, embeddings or convolution taps. Muon, if chosen, updates the encoder's
    matrices.
    """
    embedded = {id(part.weight) for part in module.modules() if isinstance(part, nn.Embedding)}
    matrices = [weight for weight in module.parameters() if weight.ndim == 2 and id(weight) not in embedded]
    within = {id(weight) for weight in encoder.parameters()} if settings.kind == "muon" else set()
    hidden = [weight for weight in matrices if id(weight) in within]
    taken = {id(weight) for weight in matrices}
    others = [
        {
            "params": [weight for weight in matrices if id(weight) not in within],
            "weight_decay": settings.weight_decay,
        },
        {"params": [weight for weight in module.parameters() if id(weight) not in taken], "weight_decay": 0.0},
    ]
    optimizer = MuonAndAdamW(hidden, others, settings) if hidden else adamw(others, settings)
    return optimizer, schedule_of(optimizer, settings, max_steps)


def adamw(groups: list[dict[str, Any]], settings: OptimizerSettings) -> AdamW:
    """AdamW for groups of weights, which may have a learning rate and a weight decay of their own.

    It updates all weights in one function, which reads and writes each number once.
    """
    betas = settings.beta1, settings.beta2
    return AdamW(groups, lr=settings.learning_rate, betas=betas, weight_decay=settings.weight_decay, fused=True)


def schedule_of(optimizer: Optimizer, settings: OptimizerSettings, max_steps: int) -> LambdaLR:
    """Warm-up and decay of every group's learning rate, by step."""
    return LambdaLR(optimizer, lambda step: settings.rate_at(step, max_steps))


def clipped(
    parameters: Iterable[nn.Parameter], clip: float, loss: float, step: int, read: Callable[[], str] = str
) -> float:
    """Clips the gradient to norm `clip`, and returns its norm before that, over the shares of all processes.

    Raises NumericalError if that norm or the step's loss is not finite; the message includes `read()`, what this step
    (counted from 0) had read.
    """
    norm = torch.nn.utils.clip_grad_norm_(parameters, clip)
    norm = float(norm.full_tensor() if isinstance(norm, DTensor) else norm)
    if not (isfinite(loss) and isfinite(norm)):
        raise NumericalError(
            f"step {step + 1}: the loss is {loss} and its gradient's norm {norm}, not finite numbers; nothing was "
            f"updated. {read()}Lower optimizer.learning_rate, or use trainer.precision=32-true, in a new folder"
        )
    return norm


def set_rate(optimizer: Optimizer, settings: OptimizerSettings, step: int, max_steps: int) -> None:
    """Sets the learning rate for `step`; the rate in a resumed run's checkpoint may come from another max_steps."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * settings.rate_at(step, max_steps)
