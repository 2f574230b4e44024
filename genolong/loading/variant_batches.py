"""Batches of labelled alleles, as features or as pairs of windows; the step number determines the batch."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from genolong.genome.edit import Variant
from genolong.loading.chance import Stream, integer
from genolong.loading.step_loader import StepLoader, step_to_come
from genolong.parallel.shard import SequenceShard

Pair = Callable[[Variant], tuple[UInt8[np.ndarray, "2 length"], Int64[np.ndarray, "2 stretches 2"]]]


class FeatureBatch(NamedTuple):
    """The head's inputs for alleles, and which alleles are positive. A single example lacks the axis `alleles`."""

    features: Float[Tensor, "*alleles features"]
    positive: Bool[Tensor, "*alleles"]


class PairBatch(NamedTuple):
    """Reference and alternate windows with the stretches to read in them, and which alleles are positive."""

    codes: UInt8[Tensor, "*alleles 2 length"]
    stretches: Int64[Tensor, "*alleles 2 stretches 2"]
    positive: Bool[Tensor, "*alleles"]


class FeatureRows(Dataset[FeatureBatch]):
    """Alleles with features computed beforehand."""

    def __init__(self, features: Float[Tensor, "alleles features"], positive: Bool[Tensor, " alleles"]) -> None:
        self.features, self.positive = features, positive

    def __len__(self) -> int:
        return len(self.positive)

    def __getitem__(self, index: int) -> FeatureBatch:
        return FeatureBatch(self.features[index], self.positive[index])


class WindowPairs(Dataset[PairBatch]):
    """Alleles whose windows are read each time."""

    def __init__(self, variants: Sequence[Variant], positive: Bool[Tensor, " alleles"], pair: Pair) -> None:
        self.variants, self.positive, self.pair = variants, positive, pair

    def __len__(self) -> int:
        return len(self.variants)

    def __getitem__(self, index: int) -> PairBatch:
        codes, stretches = self.pair(self.variants[index])
        return PairBatch(torch.from_numpy(codes), torch.from_numpy(stretches), self.positive[index])


Alleles = FeatureRows | WindowPairs


class AllelesOfSteps(Sampler[list[int]]):
    """For every step a batch of alleles, drawn with replacement by (seed, step, slot).

    The length is that of the whole run even if it starts later, as Lightning expects.
    """

    def __init__(self, alleles: int, *, start_step: int, steps: int, batch: int, seed: int) -> None:
        self.alleles, self.start_step, self.steps, self.batch, self.seed = alleles, start_step, steps, batch, seed

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[list[int]]:
        slots = np.arange(self.batch)
        for step in range(self.start_step, self.steps):
            yield integer(self.seed, Stream.ALLELE, step, slots, below=self.alleles).tolist()


class VariantDataModule(pl.LightningDataModule):
    """Batches for a run of `max_steps` steps, one Lightning epoch; a resumed run starts with the next step."""

    shard: SequenceShard | None = None  # not used here: all processes read the same alleles

    def __init__(
        self, train: Alleles, validation: Alleles, *, batch: int, max_steps: int, seed: int
    ) -> None:  # fmt: skip
        super().__init__()
        self.train, self.validation = train, validation
        self.batch, self.max_steps, self.seed = batch, max_steps, seed

    def train_dataloader(self) -> StepLoader:
        assert self.trainer is not None, "the trainer sets itself before it asks for batches"
        steps = AllelesOfSteps(
            len(self.train), start_step=step_to_come(self.trainer, 1), steps=self.max_steps, batch=self.batch,
            seed=self.seed,
        )  # fmt: skip
        return StepLoader(self.train, batch_sampler=steps)

    def val_dataloader(self) -> StepLoader:
        return StepLoader(self.validation, batch_size=self.batch)
