"""The loss of a step is one mean over all its hidden bases, and the figures of a validation are plain sums."""
# pyright: basic, reportAttributeAccessIssue=false, reportArgumentType=false, reportCallIssue=false

from collections.abc import Sequence
from math import log
from typing import Any, cast

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from genolong.errors import InputError, NumericalError, SettingsError
from genolong.loading.datasets import MaskedBatch
from genolong.loading.masking import MaskingSettings
from genolong.tasks.masked_bases import MaskedBases
from genolong.tasks.masked_bases_settings import MaskedBasesSettings
from genolong.tasks.optimizer_settings import OptimizerSettings
from tests.builders.models import encoder_settings

MASKING = MaskingSettings(share=0.15, as_mask=0.8, as_random=0.1)
LENGTH, BATCH = 23, 3


def task(train: float = 0.1, validation: float = 1.0) -> MaskedBasesSettings:
    return MaskedBasesSettings(MASKING, repeat_weight_train=train, repeat_weight_validation=validation)


def make(clip: float = 1e9, weights: MaskedBasesSettings | None = None, **changes) -> MaskedBases:
    torch.manual_seed(3)
    optimizer = OptimizerSettings(
        kind="adamw",
        learning_rate=0.01, beta1=0.9, beta2=0.98, weight_decay=0.0, warmup_steps=0, schedule="cosine",
        decay_share=0.3, final_share=0.1, clip=clip,
    )  # fmt: skip
    return MaskedBases(
        encoder_settings(**changes), weights or task(), optimizer, max_steps=1, seed=1, checkpoint_blocks=0
    )


def batch(hidden_share: float, seed: int, soft_share: float = 0.3) -> MaskedBatch:
    chance = torch.Generator().manual_seed(seed)
    targets = torch.randint(0, 5, (BATCH, LENGTH), generator=chance, dtype=torch.uint8)
    hidden = (torch.rand(BATCH, LENGTH, generator=chance) < hidden_share) & (targets < 4)
    repeats = torch.rand(BATCH, LENGTH, generator=chance) < soft_share
    return MaskedBatch(targets.where(~hidden, 5), targets, hidden, repeats)


class Kept(pl.Callback):
    """The gradients that the optimizer used, clipped."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        def keep(*_: object) -> None:
            self.grads = {name: w.grad.clone() for name, w in pl_module.named_parameters() if w.grad is not None}

        trainer.optimizers[0].register_step_post_hook(keep)


def loader(batches: Sequence[MaskedBatch]) -> DataLoader:
    return DataLoader(cast(Dataset, batches), batch_size=None)


def fit(
    model: MaskedBases, batches: Sequence[MaskedBatch], accumulation: int = 1, precision: Any = None
) -> tuple[pl.Trainer, Kept]:
    kept = Kept()
    trainer = pl.Trainer(
        max_steps=len(batches) // accumulation, accumulate_grad_batches=accumulation, accelerator="cpu", logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, callbacks=[kept],
        limit_val_batches=0, precision=precision,
    )  # fmt: skip
    trainer.fit(model, loader(batches), loader(batches))
    return trainer, kept


def validate(model: MaskedBases, batches: Sequence[MaskedBatch]) -> dict[str, float]:
    trainer = pl.Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    (found,) = trainer.validate(model, loader(batches), verbose=False)
    return dict(found)


def one_mean(model: MaskedBases, batches: Sequence[MaskedBatch], repeats: float) -> Tensor:
    """The loss of a step, base by base."""
    nats, weights = [], []
    for read in batches:
        scores = functional.log_softmax(model(read.inputs), dim=-1)
        for row, place in read.hidden.nonzero().tolist():
            nats.append(-scores[row, place, int(read.targets[row, place])])
            weights.append(repeats if read.repeats[row, place] else 1.0)
    return (torch.stack(nats) * torch.tensor(weights)).sum() / sum(weights)


@pytest.fixture
def _double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("_double")
@pytest.mark.parametrize("accumulation", [1, 2, 3])
def test_gradients_are_those_of_one_mean_however_bases_fall_into_batches(accumulation):
    batches = [batch(share, seed) for share, seed in ((0.9, 1), (0.05, 2), (0.4, 3))][:accumulation]
    model, twin = make(), make()
    trainer, kept = fit(model, batches, accumulation, precision="64-true")
    loss = one_mean(twin, batches, repeats=0.1)
    loss.backward()
    loss = loss.detach()
    for name, weight in twin.named_parameters():
        assert weight.grad is not None
        torch.testing.assert_close(kept.grads[name], weight.grad, rtol=1e-9, atol=1e-12)
    assert float(trainer.logged_metrics["train/loss"]) == pytest.approx(float(loss), rel=1e-6)


def test_the_gradient_is_cut_to_the_norm_asked_for_and_its_own_is_logged():
    batches = [batch(0.5, 1)]
    free, whole = fit(make(clip=1e9), batches)
    norm = torch.stack([grad.square().sum() for grad in whole.grads.values()]).sum().sqrt()
    assert float(free.logged_metrics["train/gradient_norm"]) == pytest.approx(float(norm), rel=1e-4)
    cut, kept = fit(make(clip=float(norm) / 3), batches)
    assert float(cut.logged_metrics["train/gradient_norm"]) == pytest.approx(float(norm), rel=1e-4)
    for name, grad in kept.grads.items():
        torch.testing.assert_close(grad, whole.grads[name] / 3, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("repeats", [0.0, 0.1, 1.0])
def test_figures_are_plain_sums_over_hidden_bases(repeats):
    batches = [batch(0.7, 5), batch(0.1, 6)]
    model = make(weights=task(validation=repeats)).eval()
    found = validate(model, batches)
    hidden = {True: [], False: []}
    with torch.no_grad():
        for read in batches:
            scores = model(read.inputs).log_softmax(-1)
            for row, place in read.hidden.nonzero().tolist():
                target = int(read.targets[row, place])
                assert target < 4, "N is never asked for"
                at = scores[row, place]
                hidden[bool(read.repeats[row, place])].append((-float(at[target]), int(at.argmax()) == target))

    def mean(which: int) -> float:
        unmasked, soft = ([score[which] for score in hidden[case]] for case in (False, True))
        return (sum(unmasked) + repeats * sum(soft)) / (len(unmasked) + repeats * len(soft))

    assert found["validation/loss"] == pytest.approx(mean(0), rel=1e-5)
    assert found["validation/bits"] == pytest.approx(mean(0) / log(2), rel=1e-5)
    assert found["validation/accuracy"] == pytest.approx(mean(1), rel=1e-5)
    for name, case in (("unmasked", False), ("soft_masked", True)):
        nats = [score[0] for score in hidden[case]]
        assert found[f"validation/loss_{name}"] == pytest.approx(sum(nats) / len(nats), rel=1e-5)


def test_figures_of_one_validation_do_not_leak_into_the_next():
    model = make()
    first = validate(model, [batch(0.7, 5)])
    validate(model, [batch(0.7, 6)])
    assert validate(model, [batch(0.7, 5)]) == first


def test_a_genome_without_soft_masked_bases_has_no_figure_for_them():
    assert "validation/loss_soft_masked" not in validate(make(), [batch(0.5, 1, soft_share=0)])


def test_a_validation_without_a_base_that_counts_is_refused():
    with pytest.raises(InputError, match=r"no base of the validation windows counts.*data.validation"):
        validate(make(), [batch(0.0, 1)])
    with pytest.raises(InputError, match=r"task.repeat_weight_validation=0.0"):
        validate(make(weights=task(validation=0.0)), [batch(0.5, 1, soft_share=1)])


def test_what_stands_beside_hidden_bases_is_never_scored():
    read = batch(0.5, 1)
    other = read._replace(targets=torch.where(read.hidden, read.targets, 4))
    assert validate(make(), [read]) == validate(make(), [other])


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_the_training_with_the_weights_as_they_were(broken):
    model = make()
    with torch.no_grad():
        next(iter(model.head.parameters()))[0] = broken
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    with pytest.raises(NumericalError, match=r"step 1: the loss is nan .*nothing was updated. Lower optimizer"):
        fit(model, [batch(0.5, 1)])
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(weight, before[name], rtol=0, atol=0, equal_nan=True)


def test_a_validation_loss_that_is_no_number_is_refused():
    model = make()
    with torch.no_grad():
        next(iter(model.head.parameters()))[0] = float("nan")
    with pytest.raises(NumericalError, match=r"validation loss is (nan|inf).*Lower optimizer.learning_rate"):
        validate(model, [batch(0.5, 1)])


def test_a_step_without_a_base_that_counts_changes_no_gradient_and_has_no_loss(caplog):
    trainer, kept = fit(make(), [batch(0.0, 1)])
    assert all(not grad.any() for grad in kept.grads.values())
    assert "train/loss" not in trainer.logged_metrics and "train/gradient_norm" in trainer.logged_metrics
    (told,) = (record.getMessage() for record in caplog.records if record.name == "genolong.tasks.masked_bases")
    assert told.startswith("no base counted in 1 of 1 step, which have no loss and taught nothing:")
    trainer, _ = fit(make(), [batch(0.9, 1), batch(0.9, 2)])
    assert float(trainer.logged_metrics["train/loss"]) > 0


def test_dropout_depends_on_the_step_alone():
    batches = [batch(0.5, seed) for seed in range(4)]
    weights = []
    for noise in (1, 2):
        model = make(dropout=0.5)
        torch.manual_seed(noise)
        fit(model, batches)
        weights.append(model.state_dict())
    for name, weight in weights[0].items():
        torch.testing.assert_close(weight, weights[1][name], rtol=0, atol=0)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
@pytest.mark.parametrize("name", ["repeat_weight_train", "repeat_weight_validation"])
def test_weights_outside_0_to_1_are_refused(name, value):
    values = {"repeat_weight_train": 0.1, "repeat_weight_validation": 1.0}
    with pytest.raises(SettingsError, match=rf"task\.{name}={value}: wanted"):
        MaskedBasesSettings(MASKING, **(values | {name: value}))


def test_dropout_is_another_in_every_step_and_with_every_seed_and_rank(monkeypatch):
    def first_numbers(seed: int, rank: int) -> list[float]:
        """The first random number of each of three steps."""
        model, drawn = make(), []
        model.seed = seed
        monkeypatch.setattr(MaskedBases, "global_rank", rank)
        for step in range(3):
            model.on_train_batch_start(batch(0.5, 1), step)
            drawn.append(float(torch.rand(())))
        return drawn

    numbers = [number for seed, rank in ((1, 0), (2, 0), (1, 1)) for number in first_numbers(seed, rank)]
    assert len({*numbers}) == 9
    assert first_numbers(1, 1) == numbers[6:]
