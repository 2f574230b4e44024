"""Batches of a run: the same after a resume, for any number of workers, and for any way to split a step."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from genolong.genome.coordinates import Interval
from genolong.genome.fasta import Genome
from genolong.loading.datamodule import EveryReplica, GenomeDataModule, StepBatches
from genolong.loading.datasets import MaskedBatch, TrainingWindows, ValidationWindows
from genolong.loading.masking import MaskingSettings
from genolong.loading.order import TrainingOrder
from tests.builders.genomes import write_fasta
from tests.builders.memory_genome import MemoryGenome, random_letters

LETTERS = random_letters(5_003, 1, unknown=0.1, soft=0.3)
GENOME = MemoryGenome({"chr1": LETTERS})
VALIDATION = [Interval("chr1", start, start + 37) for start in range(4_500, 4_500 + 5 * 37, 37)]
BERT = MaskingSettings(share=0.15, as_mask=0.8, as_random=0.1)
STEPS = 12


class Stop(Exception):
    """Raised in the midst of training, like a machine that fails."""


class Witness(pl.LightningModule):
    """Learns next to nothing and remembers what it saw."""

    def __init__(
        self, *, fail_at: int = -1, fail_after: int = -1, checkpoint_at: dict[int, Path] | None = None
    ) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.fail_at, self.fail_after, self.checkpoint_at = fail_at, fail_after, checkpoint_at or {}
        self.seen: list[tuple[int, int, MaskedBatch]] = []
        self.validated: list[MaskedBatch] = []

    def training_step(self, batch: MaskedBatch, batch_idx: int) -> Tensor:
        if batch_idx == self.fail_at:
            raise Stop
        self.seen.append((batch_idx, self.trainer.global_step, batch))
        return self.layer(batch.inputs.float().mean().view(1, 1)).square().mean()

    def on_train_batch_end(self, outputs: Any, batch: MaskedBatch, batch_idx: int) -> None:
        if batch_idx in self.checkpoint_at:
            self.trainer.save_checkpoint(self.checkpoint_at[batch_idx])
        if batch_idx == self.fail_after:
            raise Stop

    def validation_step(self, batch: MaskedBatch, batch_idx: int) -> None:
        self.validated.append(batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=0.01)


class SavesWhatFailed(pl.Callback):
    """A checkpoint from the midst of a batch."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        trainer.save_checkpoint(self.path)


def run(
    folder: Path, model: Witness, *, workers: int = 0, batch: int = 3, accumulation: int = 1, max_steps: int = STEPS,
    resume: Path | None = None, callbacks: Sequence[pl.Callback] = (), genome: Genome = GENOME, **other: Any,
) -> pl.Trainer:  # fmt: skip
    order = TrainingOrder(genome, [Interval("chr1", 0, 4_500)], 37, 0.5, 0.5, seed=5)
    data = GenomeDataModule(
        order, VALIDATION, BERT, batch=batch, accumulation=accumulation, max_steps=max_steps, workers=workers
    )
    trainer = pl.Trainer(
        max_steps=max_steps, accumulate_grad_batches=accumulation, default_root_dir=folder, callbacks=list(callbacks),
        accelerator="cpu", devices=1, logger=False, enable_progress_bar=False, enable_model_summary=False,
        enable_checkpointing=False, use_distributed_sampler=False, num_sanity_val_steps=0,
        **{"val_check_interval": 4 * accumulation, **other},
    )  # fmt: skip
    trainer.fit(model, datamodule=data, ckpt_path=resume, weights_only=True)
    assert trainer.fit_loop.epoch_loop._batches_that_stepped == trainer.global_step, "logs would be at another step"
    return trainer


def windows_of(model: Witness) -> list[tuple[int, Tensor]]:
    """Each window's step and all that was read of it, in the order of slots."""
    return [
        (step, torch.stack([field.to(torch.uint8) for field in (inputs, targets, hidden, repeats)]))
        for _, step, batch in model.seen
        for inputs, targets, hidden, repeats in zip(*batch, strict=True)
    ]


def assert_same_windows(one: list[tuple[int, Tensor]], other: list[tuple[int, Tensor]]) -> None:
    assert [step for step, _ in one] == [step for step, _ in other]
    assert all(torch.equal(left, right) for (_, left), (_, right) in zip(one, other, strict=True))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, Tensor]]:
    """Twelve steps of six windows, without workers or accumulation."""
    model = Witness()
    run(tmp_path_factory.mktemp("whole"), model, batch=6)
    return windows_of(model)


def test_a_run_reads_every_slot_of_every_step(uninterrupted: list[tuple[int, Tensor]]) -> None:
    assert [step for step, _ in uninterrupted] == [step for step in range(STEPS) for _ in range(6)]
    assert len({window.numpy().tobytes() for _, window in uninterrupted}) == STEPS * 6


@pytest.mark.parametrize(("workers", "batch", "accumulation"), [(2, 6, 1), (0, 3, 2), (2, 3, 2), (1, 1, 6)])
def test_workers_and_accumulation_change_nothing(
    tmp_path: Path, uninterrupted: list[tuple[int, Tensor]], workers: int, batch: int, accumulation: int
) -> None:
    model = Witness()
    run(tmp_path, model, workers=workers, batch=batch, accumulation=accumulation)
    assert_same_windows(windows_of(model), uninterrupted)
    assert [index for index, _, _ in model.seen] == list(range(STEPS * accumulation))


def test_workers_that_read_a_file_see_the_same(tmp_path: Path, uninterrupted: list[tuple[int, Tensor]]) -> None:
    fasta = write_fasta(tmp_path, {"chr1": LETTERS}, name="genome.fa.gz")
    genome = Genome.open([fasta], cache=tmp_path / "cache")
    genome.read(Interval("chr1", 0, 37))  # the file is open when the workers fork
    model = Witness()
    run(tmp_path, model, workers=2, batch=6, genome=genome)
    assert_same_windows(windows_of(model), uninterrupted)


@pytest.mark.parametrize(("workers", "batch", "accumulation"), [(0, 6, 1), (2, 6, 1), (0, 3, 2), (2, 3, 2)])
@pytest.mark.parametrize("step", [4, 5])  # 4: where validation is due, too
def test_a_resumed_run_sees_what_the_uninterrupted_one_saw(
    tmp_path: Path, uninterrupted: list[tuple[int, Tensor]], step: int, workers: int, batch: int, accumulation: int
) -> None:
    saved = tmp_path / "step.ckpt"
    before = Witness(fail_at=(step + 2) * accumulation, checkpoint_at={step * accumulation - 1: saved})
    with pytest.raises(Stop):
        run(tmp_path, before, workers=workers, batch=batch, accumulation=accumulation)
    after = Witness()
    trainer = run(tmp_path, after, workers=workers, batch=batch, accumulation=accumulation, resume=saved)
    assert_same_windows(windows_of(after), uninterrupted[6 * step :])
    assert [index for index, _, _ in after.seen] == list(range(step * accumulation, STEPS * accumulation))
    assert trainer.global_step == STEPS
    assert len(after.validated) == 2 * -(-len(VALIDATION) // batch), "at steps 8 and 12"


@pytest.mark.parametrize("at", [6, 9])
def test_a_checkpoint_between_two_accumulated_batches_goes_back_to_the_whole_step(
    tmp_path: Path, uninterrupted: list[tuple[int, Tensor]], at: int
) -> None:
    """Gradients are in no checkpoint: what was accumulated of a step has to be read again."""
    saved = tmp_path / "between.ckpt"
    with pytest.raises(Stop):
        run(tmp_path, Witness(fail_at=at + 1, checkpoint_at={at: saved}), batch=2, accumulation=3)
    after = Witness()
    trainer = run(tmp_path, after, batch=2, accumulation=3, resume=saved)
    step = (at + 1) // 3
    assert_same_windows(windows_of(after), uninterrupted[6 * step :])
    assert trainer.global_step == STEPS


@pytest.mark.parametrize(("where", "step"), [("before the step", 3), ("after the step", 4)])
def test_a_checkpoint_written_when_a_batch_failed_goes_on_with_a_whole_step(
    tmp_path: Path, uninterrupted: list[tuple[int, Tensor]], where: str, step: int
) -> None:
    saved, failing = tmp_path / "failed.ckpt", 11  # the last of step 3
    before = Witness(fail_at=failing) if where == "before the step" else Witness(fail_after=failing)
    with pytest.raises(Stop):
        run(tmp_path, before, batch=2, accumulation=3, callbacks=[SavesWhatFailed(saved)])
    after = Witness()
    run(tmp_path, after, batch=2, accumulation=3, resume=saved)
    assert_same_windows(windows_of(after), uninterrupted[6 * step :])


def test_a_run_may_go_on_with_steps_split_otherwise(tmp_path: Path, uninterrupted: list[tuple[int, Tensor]]) -> None:
    saved = tmp_path / "step.ckpt"
    with pytest.raises(Stop):
        run(tmp_path, Witness(fail_at=6, checkpoint_at={4: saved}), batch=6)
    after = Witness()
    run(tmp_path, after, batch=2, accumulation=3, resume=saved)
    assert_same_windows(windows_of(after), uninterrupted[6 * 5 :])


@pytest.mark.parametrize("how", ["at the last batch", "at the end"])
def test_a_finished_run_may_be_given_more_steps(
    tmp_path: Path, uninterrupted: list[tuple[int, Tensor]], how: str
) -> None:
    saved = tmp_path / "last.ckpt"
    model = Witness(checkpoint_at={6: saved} if how == "at the last batch" else {})
    trainer = run(tmp_path, model, batch=6, max_steps=7)
    if how == "at the end":
        trainer.save_checkpoint(saved)
    after = Witness()
    run(tmp_path, after, batch=6, resume=saved)
    assert_same_windows(windows_of(after), uninterrupted[6 * 7 :])


def test_a_finished_run_that_is_resumed_does_nothing(tmp_path: Path) -> None:
    saved = tmp_path / "last.ckpt"
    run(tmp_path, Witness(), max_steps=5).save_checkpoint(saved)
    after = Witness()
    run(tmp_path, after, max_steps=5, resume=saved)
    assert after.seen == []


def test_making_batches_draws_nothing_from_the_numbers_that_dropout_uses(tmp_path: Path) -> None:
    torch.manual_seed(11)
    model = Witness()
    before = torch.get_rng_state()
    run(tmp_path, model, workers=2)
    assert torch.equal(torch.get_rng_state(), before)


def test_validation_reads_every_window_once_each_time(tmp_path: Path) -> None:
    model = Witness()
    run(tmp_path, model, batch=2)
    targets = torch.cat([batch.targets for batch in model.validated])
    expected = torch.stack([torch.from_numpy(GENOME.read(window)[0]) for window in VALIDATION])
    assert torch.equal(targets, expected.repeat(3, 1))
    hidden = torch.cat([batch.hidden for batch in model.validated]).view(3, len(VALIDATION), -1)
    assert torch.equal(hidden[0], hidden[2]), "the same bases are hidden each time"


sizes = st.integers(1, 5)


@given(sizes, sizes, sizes, sizes, st.integers(0, 5))
def test_any_split_of_a_step_reads_the_same_slots_in_the_same_order(
    max_steps: int, batch: int, accumulation: int, replicas: int, start_step: int
) -> None:
    start_step = min(start_step, max_steps)
    samplers = [
        StepBatches(max_steps, batch, accumulation, start_step=start_step, replicas=replicas, replica=replica)
        for replica in range(replicas)
    ]
    together = [index for batches in zip(*samplers, strict=True) for each in batches for index in each]
    slots = batch * accumulation * replicas
    assert together == list(range(start_step * slots, max_steps * slots))
    assert {len(sampler) for sampler in samplers} == {max_steps * accumulation}, "the whole run, wherever it starts"


@given(st.integers(0, 23), sizes)
def test_replicas_share_the_validation_windows_and_read_as_many(windows: int, replicas: int) -> None:
    samplers = [EveryReplica(windows, replicas=replicas, replica=replica) for replica in range(replicas)]
    read = sorted(index for sampler in samplers for index in sampler)
    assert read == list(range(len(read)))
    assert windows <= len(read) < windows + replicas
    assert {len(list(sampler)) for sampler in samplers} == {len(sampler) for sampler in samplers} == {len(samplers[0])}


def test_of_a_window_beyond_the_last_nothing_is_asked() -> None:
    windows = ValidationWindows(GENOME, VALIDATION, BERT, 5)
    first, beyond = windows[0], windows[len(windows)]
    assert torch.equal(beyond.inputs, first.inputs)
    assert first.hidden.any()
    assert not beyond.hidden.any()


@pytest.mark.parametrize("rank", [0, 1])
def test_a_replica_reads_its_half_of_every_batch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, uninterrupted: list[tuple[int, Tensor]], rank: int
) -> None:
    """Batch 3 on two replicas is batch 6 on one; of validation, every second window, and one beyond the last."""
    known = property(lambda trainer: {"num_replicas": 2, "rank": rank})
    monkeypatch.setattr(pl.Trainer, "distributed_sampler_kwargs", known)
    model = Witness()
    run(tmp_path, model, batch=3)
    trained_on = [window for slot, window in enumerate(uninterrupted) if slot % 6 // 3 == rank]
    assert_same_windows(windows_of(model), trained_on)
    targets = torch.cat([batch.targets for batch in model.validated])
    mine = [*VALIDATION, VALIDATION[0]][rank::2]
    expected = torch.stack([torch.from_numpy(GENOME.read(window)[0]) for window in mine])
    assert torch.equal(targets, expected.repeat(3, 1))


def test_the_training_data_is_as_long_as_the_run_on_all_replicas() -> None:
    order = TrainingOrder(GENOME, [Interval("chr1", 0, 4_500)], 37, 0.5, 0.5, seed=5)
    assert len(TrainingWindows(order, BERT, STEPS, 2 * 3 * 4)) == STEPS * 24
