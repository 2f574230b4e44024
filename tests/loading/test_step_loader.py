"""Batches come in their order, and the time for which they were not there is counted."""

import time
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import Dataset

from genolong.loading.step_loader import StepLoader, waited_s


class Slow(Dataset[int]):
    """Examples that take a while to be read."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __len__(self) -> int:
        return 3

    def __getitem__(self, at: int) -> int:
        time.sleep(self.seconds)
        return at


def test_waiting_is_counted_and_what_is_done_with_a_batch_is_not():
    loader = StepLoader(Slow(0.02), batch_size=None)
    seen = []
    for batch in loader:
        seen.append(batch)
        time.sleep(0.1)
    assert seen == [0, 1, 2]
    assert 0.06 <= loader.waited_s < 0.2


@pytest.mark.parametrize("workers", [0, 1])
def test_the_trainer_tells_how_long_its_training_has_waited(workers):
    trainer = pl.Trainer(logger=False, enable_checkpointing=False, enable_progress_bar=False, max_epochs=1)
    assert waited_s(trainer) == 0

    class Model(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def training_step(self, batch: Any) -> torch.Tensor:
            return self.layer(torch.ones(1, 1)).sum()

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    trainer.fit(Model(), StepLoader(Slow(0.02), workers=workers, batch_size=None))
    assert waited_s(trainer) > 0.02
