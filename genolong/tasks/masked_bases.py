"""Pretraining on hidden bases: loss, accuracy, and bits per base."""

import logging
from math import inf, isfinite, log
from typing import Any, cast

import pytorch_lightning as pl
import torch
from jaxtyping import Float, Integer
from torch import Tensor
from torch.nn import functional
from torchmetrics import MeanMetric

from genolong.counted import counted
from genolong.errors import InputError, NumericalError
from genolong.loading.chance import Stream, bits
from genolong.loading.datamodule import GenomeDataModule
from genolong.loading.datasets import MaskedBatch
from genolong.model.encoder import Encoder
from genolong.model.encoder_settings import EncoderSettings
from genolong.model.heads import MaskedBaseHead
from genolong.parallel.shard import SequenceShard
from genolong.tasks.dropout_seed import seed_dropout
from genolong.tasks.masked_bases_settings import MaskedBasesSettings
from genolong.tasks.optimizer import clipped, make_optimizer, set_rate
from genolong.tasks.optimizer_settings import OptimizerSettings

logger = logging.getLogger(__name__)

SHOWN = 8  # windows listed in a message, at most
SCORES = ("loss", "accuracy", "loss_unmasked", "loss_soft_masked")


class MaskedBases(pl.LightningModule):
    """Encoder and head, trained to predict hidden bases.

    The loss of an optimizer step is the weighted sum of nats divided by the sum of weights, both over the whole step.
    Gradients are those of this mean, however unevenly hidden bases fall into accumulated batches or into the slices of
    several processes. In a process that holds only a slice of each window, `shard` says which.
    """

    def __init__(
        self, model: EncoderSettings, task: MaskedBasesSettings, optimizer: OptimizerSettings, *,
        max_steps: int, seed: int, checkpoint_blocks: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.task, self.optimizer, self.max_steps, self.seed = task, optimizer, max_steps, seed
        self.encoder = Encoder(model, checkpoint_blocks)
        self.head = MaskedBaseHead(model.width)
        self.shard: SequenceShard | None = None
        self.step_nats: Tensor | float = 0.0
        self.step_weight: Tensor | float = 0.0
        self._steps = self._empty_steps = 0  # of this process; in an empty step no base counts
        # a NaN loss counts as infinite: by default it would be left out, and "disable" also ignores weights
        self.scores = torch.nn.ModuleDict({name: MeanMetric(nan_strategy=inf) for name in SCORES})

    def forward(self, codes: Integer[Tensor, "batch length"]) -> Float[Tensor, "batch length 4"]:
        """Logits over A C G T at every position."""
        return self.encoder(codes, self.shard, self.head)

    def on_train_start(self) -> None:
        set_rate(self.trainer.optimizers[0], self.optimizer, self.trainer.global_step, self.max_steps)

    def on_train_batch_start(self, batch: MaskedBatch, batch_idx: int) -> None:
        # dropout depends only on seed, step and rank, so it differs between slices
        seed_dropout(bits(self.seed, Stream.DROPOUT, batch_idx, self.global_rank), self.device)

    def training_step(self, batch: MaskedBatch, batch_idx: int) -> Tensor:
        nats, _ = self._nats(batch)
        weight = _weight(batch, self.task.repeat_weight_train)
        weighted = (nats * weight).sum()
        self.step_nats += weighted.detach()
        self.step_weight += weight.sum()
        return weighted / self._bases(batch)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Rescales the gradient to that of the step's mean loss, refuses non-finite values, and clips."""
        own = torch.tensor([self.step_nats, self.step_weight], dtype=torch.float64, device=self.device)
        nats, weight = self.trainer.strategy.reduce(own, reduce_op="sum").tolist()
        self.step_nats = self.step_weight = 0.0
        loss = nats / max(weight, 1e-9)
        # gradients are means over processes and accumulated batches
        batches = self.trainer.accumulate_grad_batches * self.trainer.world_size
        for parameter in self.parameters():
            if parameter.grad is not None:
                parameter.grad.mul_(self._batch_bases * batches / max(weight, 1e-9))
        norm = clipped(self.parameters(), self.optimizer.clip, loss, self.trainer.global_step, self._read_now)
        self._steps += 1
        if weight > 0:
            self.log("train/loss", loss, prog_bar=True)
        else:
            self._empty_steps += 1
        self.log("train/gradient_norm", norm)
        self.log("train/learning_rate", optimizer.param_groups[0]["lr"])

    def on_train_end(self) -> None:
        if self._empty_steps:
            logger.warning(
                "no base counted in %s of %s, which have no loss and taught nothing: all bases hidden there "
                "were soft-masked (task.repeat_weight_train=%g), or none were hidden (task.masking.share=%g)",
                f"{self._empty_steps:,}", counted(self._steps, "step"), self.task.repeat_weight_train,
                self.task.masking.share,
            )  # fmt: skip

    def _read_now(self) -> str:
        """A sentence listing this step's windows, for error messages; empty if they are unknown."""
        data = getattr(self.trainer, "datamodule", None)
        if not isinstance(data, GenomeDataModule):
            return ""
        windows = [*map(str, data.windows_of(self.trainer.global_step))]
        more = f" and {len(windows) - SHOWN} more" if len(windows) > SHOWN else ""
        return f"Its windows: {', '.join(windows[:SHOWN])}{more}. "

    def validation_step(self, batch: MaskedBatch, batch_idx: int) -> None:
        nats, right = self._nats(batch)
        weight = _weight(batch, self.task.repeat_weight_validation)
        self._score("loss").update(nats, weight)
        self._score("accuracy").update(right.float(), weight)
        self._score("loss_unmasked").update(nats, (batch.hidden & ~batch.repeats).float())
        self._score("loss_soft_masked").update(nats, (batch.hidden & batch.repeats).float())

    def on_validation_epoch_end(self) -> None:
        """Logs the metrics over all validation windows; raises if no base counts or the loss is not finite."""
        means = self._means()
        if "loss" not in means:
            raise InputError(
                "no base of the validation windows counts: none is hidden, or all hidden ones are soft-masked, with "
                f"task.repeat_weight_validation={self.task.repeat_weight_validation}; hold out more (data.validation)"
            )
        if not isfinite(means["loss"]):
            raise NumericalError(
                f"step {self.trainer.global_step}: the validation loss is {means['loss']}, not a finite number. "
                "Lower optimizer.learning_rate, or use trainer.precision=32-true, in a new folder"
            )
        for name, mean in means.items():
            self.log(f"validation/{name}", mean)
        self.log("validation/bits", means["loss"] / log(2))

    def _means(self) -> dict[str, float]:
        """Mean scores over all processes, without those to which no base counts; resets the scores."""
        weights = torch.stack([cast(Tensor, self._score(name).weight) for name in SCORES])
        counted = self.trainer.strategy.reduce(weights, reduce_op="sum").tolist()
        means = [float(self._score(name).compute()) for name in SCORES]
        for name in SCORES:
            self._score(name).reset()
        return {name: mean for name, mean, weight in zip(SCORES, means, counted, strict=True) if weight > 0}

    def _score(self, name: str) -> MeanMetric:
        return cast(MeanMetric, self.scores[name])

    def configure_optimizers(self) -> Any:
        optimizer, schedule = make_optimizer(self, self.encoder, self.optimizer, self.max_steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _nats(self, batch: MaskedBatch) -> tuple[Tensor, Tensor]:
        """Loss in nats at every position, and whether its likeliest base is right; the target of unhidden ones is A."""
        logits = self(batch.inputs)
        self._batch_bases = self._bases(batch)
        targets = batch.targets.long().where(batch.hidden, 0)
        nats = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        return nats.view_as(targets), logits.argmax(-1) == targets

    def _bases(self, batch: MaskedBatch) -> int:
        """Number of positions in the batch's windows, counted whole: the same in all processes."""
        return len(batch.inputs) * (batch.inputs.shape[1] if self.shard is None else self.shard.length)


def _weight(batch: MaskedBatch, repeats: float) -> Tensor:
    """1 for a hidden base, `repeats` for a soft-masked hidden base, 0 for all others."""
    return batch.hidden * torch.where(batch.repeats, repeats, 1.0)
