"""Training of the variant head: the loss on labelled alleles, and how well it separates held-out ones."""

from typing import Any

import pytorch_lightning as pl
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics.functional.classification import (
    binary_auroc,
    binary_average_precision,
    binary_calibration_error,
)

from genolong.errors import NumericalError
from genolong.loading.chance import Stream, bits
from genolong.loading.variant_batches import FeatureBatch, PairBatch
from genolong.model.encoder import Encoder
from genolong.model.variant_head import VariantHead, calibration, variant_features
from genolong.model.window_reading import WindowReading, read_windows
from genolong.parallel.shard import SequenceShard
from genolong.tasks.dropout_seed import seed_dropout
from genolong.tasks.optimizer import adamw, clipped, schedule_of, set_rate
from genolong.tasks.optimizer_settings import OptimizerSettings

BINS = 15  # bins of the calibration error, as in arXiv 1706.04599


class FrozenEffect(pl.LightningModule):
    """Trains the variant head alone, on features that were computed once.

    In total, positives weigh as much as negatives. Each validation calibrates the head on all held-out alleles; the
    logged figures of probabilities calibrate each half of these alleles on the other half. If several processes each
    hold a slice of every window (`shard`), they train on the same alleles.
    """

    def __init__(
        self, encoder: Encoder, head: nn.Module, variant_head: VariantHead, optimizer: OptimizerSettings, *,
        positive_weight: float, max_steps: int, seed: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.encoder, self.head, self.variant_head = encoder, head, variant_head
        self.shard: SequenceShard | None = None
        self.optimizer, self.positive_weight = optimizer, positive_weight
        self.max_steps, self.seed = max_steps, seed
        self.encoder.requires_grad_(False)
        self.head.requires_grad_(False)
        self.read: list[tuple[Tensor, Tensor]] = []
        self.step_loss = 0.0  # nats/allele

    def features(self, batch: Any) -> Float[Tensor, "alleles features"]:
        """The head's input features for a batch."""
        assert isinstance(batch, FeatureBatch)
        return batch.features

    def logits(self, batch: Any) -> Float[Tensor, " alleles"]:
        """The head's outputs, in float32 whatever the encoder computes in, because predict computes them so."""
        features = self.features(batch).float()
        with torch.autocast(features.device.type, enabled=False):
            return self.variant_head(features)

    def on_train_start(self) -> None:
        set_rate(self.trainer.optimizers[0], self.optimizer, self.trainer.global_step, self.max_steps)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        seed_dropout(bits(self.seed, Stream.DROPOUT, batch_idx), self.device)  # of all processes alike

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        logits = self.logits(batch)
        weight = logits.new_tensor(self.positive_weight)
        loss = functional.binary_cross_entropy_with_logits(logits, batch.positive.float(), pos_weight=weight)
        self.step_loss = float(loss.detach())
        return loss

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Refuses a loss or gradient that is not finite, and clips the gradient."""
        norm = clipped(self.parameters(), self.optimizer.clip, self.step_loss, self.trainer.global_step)
        self.log("train/loss", self.step_loss, prog_bar=True)
        self.log("train/gradient_norm", norm)
        self.log("train/learning_rate", optimizer.param_groups[0]["lr"])

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.read.append((self.logits(batch), batch.positive))

    def on_validation_epoch_end(self) -> None:
        """Logs the metrics over all held-out alleles, and calibrates the head on them."""
        logits, positive = (torch.cat(parts) for parts in zip(*self.read, strict=True))
        self.read.clear()
        if not logits.isfinite().all():
            raise NumericalError(
                f"step {self.trainer.global_step}: the head's outputs for held-out alleles are not finite. "
                "Lower optimizer.learning_rate, or use trainer.precision=32-true, in a new folder"
            )
        for name, value in held_out_figures(logits, positive).items():
            self.log(f"validation/{name}", value)
        self.variant_head.calibrate(logits, positive)

    def configure_optimizers(self) -> Any:
        optimizer = adamw(self.parameter_groups(), self.optimizer)
        schedule = schedule_of(optimizer, self.optimizer, self.max_steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The weights to train."""
        return [{"params": list(self.variant_head.parameters())}]


class TunedEffect(FrozenEffect):
    """Trains the head and the encoder together, the encoder at a fraction of the learning rate."""

    def __init__(self, *parts: Any, encoder_rate: float, **about: Any) -> None:
        super().__init__(*parts, **about)
        self.encoder.requires_grad_(True)
        self.encoder_rate = encoder_rate

    def features(self, batch: Any) -> Float[Tensor, "alleles features"]:
        assert isinstance(batch, PairBatch)
        windows = batch.codes.flatten(0, 1), batch.stretches.flatten(0, 1)
        read = read_windows(self.encoder, self.head, *windows, shard=self.shard)
        of_pairs = [part.unflatten(0, (-1, 2)) for part in read]
        reference, alternate = (WindowReading(*(part[:, at] for part in of_pairs)) for at in (0, 1))
        return variant_features(reference, alternate)

    def parameter_groups(self) -> list[dict[str, Any]]:
        rate = self.optimizer.learning_rate * self.encoder_rate
        return [*super().parameter_groups(), {"params": list(self.encoder.parameters()), "lr": rate}]


def held_out_figures(logits: Float[Tensor, " alleles"], positive: Bool[Tensor, " alleles"]) -> dict[str, Tensor]:
    """AUROC, AUPRC, loss in nats and calibration error; each allele's probability is calibrated on the other half.

    The alleles of each class alternate between two halves. Neighbours are thus in both: this removes only the optimism
    of fitting the two calibration parameters, and does not show how calibration holds on another gene. With a single
    allele in a class there are no such halves, and all alleles are calibrated on all.
    """
    logits, target = logits.detach().double(), positive.long()
    second = torch.where(positive, target.cumsum(0), (1 - target).cumsum(0)) % 2 == 0
    halves = [second, ~second] if all(int(of.sum()) >= 2 for of in (positive, ~positive)) else []
    chances = _calibrated(logits, logits, positive)
    for half in halves:
        chances[half] = _calibrated(logits[half], logits[~half], positive[~half])
    levels = logits.unique(return_inverse=True)[1].double()
    ranks = levels / levels.max().clamp(min=1)  # torchmetrics takes values outside 0 ... 1 for logits, and rounds them
    return {
        "loss": functional.binary_cross_entropy(chances, positive.double()),
        "auroc": binary_auroc(ranks, target),
        "auprc": binary_average_precision(ranks, target),
        "calibration_error": binary_calibration_error(chances, target, n_bins=BINS),
        "calibration_error_before": binary_calibration_error(logits.sigmoid(), target, n_bins=BINS),
    }


def _calibrated(logits: Tensor, known: Tensor, positive: Bool[Tensor, " known"]) -> Tensor:
    """Probabilities for `logits`, calibrated on the logits of other alleles (`known`), whose classes are known."""
    slope, offset = calibration(known, positive)
    return (slope * logits + offset).sigmoid()
