"""The data loader of a resumable training, which starts at the next step and sets Lightning's counters to it."""

import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset

from genolong.loading.lost_workers import naming_broken_ways
from genolong.loading.worker_signals import learning_to_obey, obey_the_mother_alone


class StepLoader(DataLoader[Any]):
    """A loader that Lightning can resume: its only state is the step number, which the trainer keeps.

    `waited_s` is the total time in seconds that training has waited for batches.
    """

    waited_s = 0.0

    def __init__(self, examples: Dataset[Any], *, workers: int = 0, **sampling: Any) -> None:
        super().__init__(
            examples,
            num_workers=workers,  # each limits itself to one thread
            persistent_workers=workers > 0,
            worker_init_fn=obey_the_mother_alone,
            generator=torch.Generator(),  # or creating an iterator would advance the generator that dropout uses
            **sampling,
        )

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        batches = super().__iter__()
        while True:
            asked = time.perf_counter()
            with naming_broken_ways() if self.num_workers else nullcontext():
                batch = next(batches, None)
            self.waited_s += time.perf_counter() - asked
            if batch is None:
                return
            yield batch

    def _get_iterator(self) -> Any:
        """Lightning discards iterators, so workers may be started several times."""
        if self.num_workers == 0:
            return super()._get_iterator()
        with learning_to_obey():
            return super()._get_iterator()

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to load: the sampler was created with the step to start from."""


def waited_s(trainer: pl.Trainer) -> float:
    """Seconds that this process has waited for training batches since training was started or resumed."""
    loader = trainer.train_dataloader
    return loader.waited_s if isinstance(loader, StepLoader) else 0.0


def step_to_come(trainer: pl.Trainer, accumulation: int) -> int:
    """The next optimizer step; sets Lightning's counters of batches to the first batch of that step.

    The counters can differ from that if a checkpoint was written between two accumulated batches (whose gradients are
    lost), in the middle of a batch, or by a run that split its steps differently. `completed` is one less if Lightning
    has not yet counted the end of the last batch, as in a checkpoint written when a batch ends.
    """
    loop, step = trainer.fit_loop.epoch_loop, trainer.global_step
    counts = dict.fromkeys(("ready", "started", "processed", "completed"), step * accumulation)
    if loop._batches_that_stepped < step:
        counts["completed"] -= 1
    loop.batch_progress.load_state_dict({"total": counts, "current": counts, "is_last_batch": False})
    return step
