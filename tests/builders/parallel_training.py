"""Small trainings, in one process or in several, and what came of them: losses, gradients, logits, validation."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from genolong.errors import NumericalError
from genolong.genome.coordinates import Interval
from genolong.loading.datamodule import GenomeDataModule
from genolong.loading.masking import MaskingSettings
from genolong.loading.order import TrainingOrder
from genolong.parallel.group import PATIENCE
from genolong.parallel.launcher import launched
from genolong.parallel.meeting import met
from genolong.parallel.place import Place
from genolong.parallel.shard import SequenceShard
from genolong.parallel.shared_weights import SharedWeightsStrategy
from genolong.parallel.strategy import SequenceParallelStrategy
from genolong.tasks.masked_bases import MaskedBases
from genolong.tasks.masked_bases_settings import MaskedBasesSettings
from genolong.tasks.optimizer_settings import OptimizerSettings
from tests.builders.memory_genome import MemoryGenome, random_letters
from tests.builders.models import encoder_settings

WINDOW, STEPS = 61, 3


class Job(NamedTuple):
    """A training on a mesh of processes; `batch` windows in each of `replicas` groups of `sequence` processes."""

    replicas: int = 1
    sequence: int = 1
    batch: int = 4
    accumulation: int = 1
    kernel: int = 3
    checkpoint_blocks: int = 0
    clip: float = 1e9
    share_weights: bool = False
    precision: Any = "64-true"
    spoil: int = -1  # the process in which a weight of the second step is no number

    def alone(self) -> "Job":
        """The same training in one process, which reads all windows whole and keeps every activation."""
        whole = self._replace(batch=self.batch * self.replicas, checkpoint_blocks=0, share_weights=False)
        return whole._replace(replicas=1, sequence=1)


class Outcome(NamedTuple):
    """Of every step the loss, the gradients that the optimizer used, and this process's logits; then the validation."""

    losses: list[float]
    grads: list[dict[str, Tensor]]
    logits: list[Tensor]
    validation: dict[str, float]


class Witness(MaskedBases):
    """Remembers its logits."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logits: list[Tensor] = []

    def forward(self, codes: Tensor) -> Tensor:
        logits = super().forward(codes)
        if torch.is_grad_enabled():
            self.logits.append(logits.detach().clone())
        return logits


class Keeper(pl.Callback):
    """Remembers the gradients that the optimizer used, and the losses."""

    def __init__(self, spoils: bool) -> None:
        self.spoils = spoils
        self.grads: list[dict[str, Tensor]] = []
        self.losses: list[float] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        def keep(*_: object) -> None:
            grads = {name: weight.grad for name, weight in pl_module.named_parameters() if weight.grad is not None}
            self.grads.append(
                {
                    name: (grad.full_tensor() if isinstance(grad, DTensor) else grad).clone()
                    for name, grad in grads.items()
                }
            )

        trainer.optimizers[0].register_step_post_hook(keep)

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if self.spoils and batch_idx == 1:
            pl_module.head.logits.bias.data.fill_(float("nan"))

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step > len(self.losses):
            self.losses.append(float(trainer.callback_metrics["train/loss"]))


def letters() -> str:
    """Windows of this have slices without any known base, and very unequal numbers of hidden ones."""
    known = random_letters(4_001, 7, soft=0.3)
    return "".join(known[at : at + 90] + "N" * 37 for at in range(0, len(known), 90))


def run(job: Job, place: Place) -> Outcome:
    """One process's part of a training."""
    genome = MemoryGenome({"chr1": letters(), "chr2": random_letters(5 * WINDOW, 3)})
    regions = [Interval("chr1", 0, genome.contigs["chr1"].length)]
    order = TrainingOrder(genome, regions, WINDOW, 0.2, 0.5, seed=5)
    masking = MaskingSettings(share=0.15, as_mask=0.8, as_random=0.1)
    validation = [Interval("chr2", at, at + WINDOW) for at in range(0, 5 * WINDOW, WINDOW)]
    data = GenomeDataModule(
        order, validation, masking, batch=job.batch, accumulation=job.accumulation, max_steps=STEPS, workers=0
    )
    torch.manual_seed(11)
    optimizer = OptimizerSettings(
        kind="adamw", learning_rate=0.01, beta1=0.9, beta2=0.98, weight_decay=0.01, warmup_steps=0, schedule="cosine",
        decay_share=0.3, final_share=0.1, clip=job.clip,
    )  # fmt: skip
    model = Witness(
        encoder_settings(kernel=job.kernel, segment=7, growth=3), MaskedBasesSettings(masking, 0.1, 1.0), optimizer,
        max_steps=STEPS, seed=5, checkpoint_blocks=job.checkpoint_blocks,
    )  # fmt: skip
    segments = [branch.segment for branch in model.encoder.settings.branches(WINDOW)]
    keeper = Keeper(place.rank == job.spoil)
    kind = SharedWeightsStrategy if job.share_weights else SequenceParallelStrategy
    strategy = "auto" if place.size == 1 else kind(place, SequenceShard.of_world(WINDOW, job.sequence, segments))
    trainer = pl.Trainer(
        accelerator="cpu", devices=place.size, strategy=strategy, max_steps=STEPS, precision=job.precision,
        accumulate_grad_batches=job.accumulation, val_check_interval=STEPS * job.accumulation, num_sanity_val_steps=0,
        use_distributed_sampler=False, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[keeper],
    )  # fmt: skip
    try:
        trainer.fit(model, datamodule=data)
    except NumericalError:  # of the second step, which no process may take
        assert len(keeper.grads) == 1
        raise
    figures = {name: float(value) for name, value in trainer.callback_metrics.items() if "validation" in name}
    return Outcome(keeper.losses, keeper.grads, model.logits, figures)


def run_all(jobs: Sequence[Job], folder: Path, devices: int) -> list[list[Outcome]]:
    """The outcomes of every job in each of its processes, which are the same for all jobs."""
    with launched(devices, _run_all, jobs, folder, patience_s=300) as place:
        _run_all(place, jobs, folder)
    return [
        [torch.load(folder / f"{number}-{rank}.pt", weights_only=False) for rank in range(devices)]
        for number in range(len(jobs))
    ]


def _run_all(place: Place, jobs: Sequence[Job], folder: Path) -> None:
    with met(place, PATIENCE):
        for number, job in enumerate(jobs):
            torch.save(run(job, place), folder / f"{number}-{place.rank}.pt")
