"""Data module and samplers: a step's batch is the same after a resume and with any number of workers or replicas."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytorch_lightning as pl
from torch.utils.data import Dataset, Sampler

from genolong.genome.coordinates import Interval
from genolong.loading.datasets import MaskedBatch, TrainingWindows, ValidationWindows
from genolong.loading.masking import MaskingSettings
from genolong.loading.order import TrainingOrder
from genolong.loading.step_loader import StepLoader, step_to_come
from genolong.parallel.shard import SequenceShard


class StepBatches(Sampler[list[int]]):
    """Indices of a replica's batches, from the first one of `start_step` to the end of the run.

    A step's slots are dealt out batch by batch, and within a batch replica by replica, so that a step has the same
    slots however they are split into batches, accumulated batches and replicas. The length is that of the whole run
    even if it starts later, because Lightning counts batches from the start of the run and compares with it.

        slots of a step    0 1 2 3 | 4 5 6 7 | 8 9 10 11 | 12 13 14 15      batch 4, accumulation 2, 2 replicas
        replica, batch       0, 0  |  1, 0   |   0, 1    |    1, 1
    """

    def __init__(
        self, max_steps: int, batch: int, accumulation: int, *, start_step: int, replicas: int, replica: int
    ) -> None:
        self.max_steps, self.batch, self.accumulation = max_steps, batch, accumulation
        self.start_step, self.replicas, self.replica = start_step, replicas, replica

    def __len__(self) -> int:
        return self.max_steps * self.accumulation

    def __iter__(self) -> Iterator[list[int]]:
        for index in range(self.start_step * self.accumulation, len(self)):
            first = (index * self.replicas + self.replica) * self.batch
            yield list(range(first, first + self.batch))


class EveryReplica(Sampler[int]):
    """Every replicas-th window from `replica` on; all replicas read equally many, some an extra one past the last."""

    def __init__(self, windows: int, *, replicas: int, replica: int) -> None:
        self._mine = range(replica, -(-windows // replicas) * replicas, replicas)

    def __len__(self) -> int:
        return len(self._mine)

    def __iter__(self) -> Iterator[int]:
        return iter(self._mine)


class GenomeDataModule(pl.LightningDataModule):
    """Batches for a run of `max_steps` optimizer steps, which is one Lightning epoch.

    A step reads batch * accumulation windows on each data replica. The trainer's accumulate_grad_batches must be
    `accumulation`, and its use_distributed_sampler False. A resumed run starts with the batch after the last optimizer
    step. If the process holds only a slice of each window, `shard` is set and only that slice is read.
    """

    shard: SequenceShard | None = None

    def __init__(
        self, order: TrainingOrder, validation: Sequence[Interval], masking: MaskingSettings, *, batch: int,
        accumulation: int, max_steps: int, workers: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.order, self.masking = order, masking
        self.batch, self.accumulation, self.max_steps, self.workers = batch, accumulation, max_steps, workers
        self.validation = tuple(validation)

    def train_dataloader(self) -> StepLoader:
        replicas, replica = self._replicas()
        slots = self.batch * self.accumulation * replicas
        training = TrainingWindows(self.order, self.masking, self.max_steps, slots, self._part)
        return self._loader(
            training,
            batch_sampler=StepBatches(
                self.max_steps, self.batch, self.accumulation,
                start_step=step_to_come(self._trainer, self.accumulation), replicas=replicas, replica=replica,
            ),
        )  # fmt: skip

    def val_dataloader(self) -> StepLoader:
        replicas, replica = self._replicas()
        windows = ValidationWindows(self.order.genome, self.validation, self.masking, self.order.seed, self._part)
        sampler = EveryReplica(len(windows), replicas=replicas, replica=replica)
        return self._loader(windows, sampler=sampler, batch_size=self.batch)

    def windows_of(self, step: int) -> list[Interval]:
        """The windows that all replicas together read in a step."""
        slots = self.batch * self.accumulation * self._replicas()[0]
        return [self.order.window(step, slot).interval for slot in range(slots)]

    @property
    def _part(self) -> range | None:
        return None if self.shard is None else range(self.shard.start, self.shard.end)

    def _replicas(self) -> tuple[int, int]:
        """The number of replicas, which read different windows, and the number of this one."""
        known = self._trainer.distributed_sampler_kwargs or {"num_replicas": 1, "rank": 0}
        return known["num_replicas"], known["rank"]

    @property
    def _trainer(self) -> pl.Trainer:
        assert self.trainer is not None, "the trainer sets itself before it asks for batches"
        return self.trainer

    def _loader(self, windows: Dataset[MaskedBatch], **sampling: Any) -> StepLoader:
        pinned = self._trainer.strategy.root_device.type == "cuda"
        return StepLoader(windows, workers=self.workers, pin_memory=pinned, **sampling)
