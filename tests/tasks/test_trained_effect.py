"""Training of the head: held-out figures are honest, and a tuned encoder sees what a frozen one does."""

import copy
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional
from torchmetrics.functional.classification import binary_auroc

from genolong.errors import NumericalError
from genolong.genome.edit import Variant
from genolong.loading.variant_batches import AllelesOfSteps, FeatureBatch, FeatureRows, PairBatch, WindowPairs
from genolong.model.encoder import Encoder
from genolong.model.heads import MaskedBaseHead
from genolong.model.variant_head import VariantHead, VariantHeadSettings, calibration, variant_features
from genolong.model.window_reading import WindowReading, read_windows
from genolong.tasks.optimizer_settings import OptimizerSettings
from genolong.tasks.trained_effect import FrozenEffect, TunedEffect, held_out_figures
from tests.builders.models import encoder_settings

AROUND = [0, 4]
OPTIMIZER = OptimizerSettings(
    kind="adamw", learning_rate=0.01, beta1=0.9, beta2=0.98, weight_decay=0.0, warmup_steps=0, schedule="cosine",
    decay_share=0.3, final_share=0.1, clip=1.0,
)  # fmt: skip
ABOUT = {"positive_weight": 3.0, "max_steps": 10, "seed": 1}


def parts():
    torch.manual_seed(3)
    head = VariantHead(VariantHeadSettings(AROUND, flank=3, hidden=5, dropout=0.0), 12)
    return Encoder(encoder_settings()), MaskedBaseHead(12), head, OPTIMIZER


def pairs() -> PairBatch:
    torch.manual_seed(4)
    codes = torch.randint(0, 5, (7, 2, 29), dtype=torch.uint8)
    stretches = torch.tensor([[[11, 18], [14, 15], [10, 19]]] * 2).expand(7, 2, 3, 2)
    return PairBatch(codes, stretches, torch.arange(7) % 3 == 0)


def test_a_tuned_encoder_gives_the_features_of_a_frozen_one_and_learns():
    tuned = TunedEffect(*parts(), encoder_rate=0.1, **ABOUT)
    batch = pairs()
    reference, alternate = (
        WindowReading(*read_windows(tuned.encoder, tuned.head, batch.codes[:, at], batch.stretches[:, at]))
        for at in (0, 1)
    )
    features = tuned.features(batch)
    assert torch.allclose(features, variant_features(reference, alternate), atol=1e-6)
    tuned.variant_head(features).sum().backward()
    assert all(weight.grad is not None for weight in tuned.encoder.parameters())
    assert all(weight.grad is None for weight in tuned.head.parameters())
    rates = [group.get("lr", OPTIMIZER.learning_rate) for group in tuned.parameter_groups()]
    assert rates == pytest.approx([0.01, 0.001])


def test_a_frozen_encoder_stays_as_it_is():
    frozen = FrozenEffect(*parts(), **ABOUT)
    trained = {id(weight) for group in frozen.parameter_groups() for weight in group["params"]}
    assert trained == {id(weight) for weight in frozen.variant_head.parameters()}
    assert not any(weight.requires_grad for weight in frozen.encoder.parameters())


def test_positives_weigh_as_much_as_negatives():
    frozen = FrozenEffect(*parts(), **ABOUT)
    frozen.log = lambda *_, **__: None  # type: ignore[method-assign]
    features, positive = torch.randn(8, 37), torch.arange(8) < 2
    found = frozen.training_step(FeatureBatch(features, positive), 0)
    each = functional.binary_cross_entropy_with_logits(
        frozen.variant_head(features), positive.float(), reduction="none"
    )  # fmt: skip
    assert torch.allclose(found, (each * torch.where(positive, 3.0, 1.0)).mean())


def test_the_head_computes_in_float32_even_where_the_encoder_does_not():
    frozen = FrozenEffect(*parts(), **ABOUT)
    batch = FeatureBatch(torch.randn(61, 37), torch.arange(61) < 7)
    frozen.log = lambda *_, **__: None  # type: ignore[method-assign]
    loss = frozen.training_step(batch, 0)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(frozen.training_step(batch, 0), loss)
        frozen.validation_step(batch, 0)
        tuned = TunedEffect(*parts(), encoder_rate=0.1, **ABOUT)
        assert tuned.logits(pairs()).dtype == torch.float32
    ((logits, _),) = frozen.read
    assert torch.equal(logits, frozen.variant_head(batch.features))


def stepped(clip: float, features: torch.Tensor) -> tuple[FrozenEffect, torch.optim.Optimizer, dict[str, float]]:
    """A module after the gradient of its fifth step, and what it logged."""
    encoder, head, variant_head, optimizer = copy.deepcopy(parts())
    frozen = FrozenEffect(encoder, head, variant_head, replace(optimizer, clip=clip), **ABOUT)
    logged: dict[str, float] = {}
    frozen.log = lambda name, value, **_: logged.update({name: float(value)})  # type: ignore[method-assign]
    frozen._trainer = SimpleNamespace(global_step=4)  # type: ignore[assignment]
    adam = frozen.configure_optimizers()["optimizer"]
    frozen.training_step(FeatureBatch(features, torch.arange(8) < 2), 0).backward()
    frozen.on_before_optimizer_step(adam)
    return frozen, adam, logged


def test_gradients_are_clipped_and_their_norm_is_logged():
    features = torch.randn(8, 37)
    free, _, whole = stepped(1e9, features)
    cut, _, logged = stepped(whole["train/gradient_norm"] / 3, features)
    assert set(logged) == {"train/loss", "train/gradient_norm", "train/learning_rate"} and logged == whole
    for one, other in zip(free.variant_head.parameters(), cut.variant_head.parameters(), strict=True):
        assert one.grad is not None and other.grad is not None
        assert torch.allclose(one.grad / 3, other.grad, atol=1e-7)
    norm = torch.cat(
        [weight.grad.flatten() for weight in free.variant_head.parameters() if weight.grad is not None]
    ).norm()
    assert logged["train/gradient_norm"] == pytest.approx(float(norm))


def test_what_is_no_number_ends_the_training():
    features = torch.randn(8, 37)
    features[3, 5] = torch.nan
    with pytest.raises(
        NumericalError, match=r"^step 5: the loss is nan and its gradient's norm nan, not finite"
    ) as one:
        stepped(1.0, features)
    assert one.value.exit_code == 70
    frozen, _, _ = stepped(1.0, torch.randn(8, 37))
    frozen.validation_step(FeatureBatch(features, torch.arange(8) < 2), 0)
    with pytest.raises(NumericalError, match=r"^step 4: the head's outputs for held-out alleles are not finite"):
        frozen.on_validation_epoch_end()


def test_held_out_figures_do_not_see_the_alleles_they_are_of():
    torch.manual_seed(5)
    logits, noise = torch.randn(400), torch.rand(400) < 0.5
    found = held_out_figures(logits, noise)
    assert found["loss"] >= functional.binary_cross_entropy(torch.full((400,), 0.5), noise.float()) - 0.01
    truth = torch.rand(400) < (2 * logits + 1).sigmoid()
    figures = held_out_figures(10 * logits, truth)
    assert figures["calibration_error"] < figures["calibration_error_before"]
    assert figures["auroc"] == pytest.approx(float(binary_auroc(logits.sigmoid(), truth.long())), abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_every_other_allele_of_a_class_is_calibrated_with_those_between(seed: int):
    torch.manual_seed(seed)
    positive, logits = (torch.arange(23) % 3 == 0)[torch.randperm(23)], torch.randn(23).double()
    of_classes = [[at for at in range(23) if bool(positive[at]) is is_it] for is_it in (True, False)]
    halves = [[at for places in of_classes for at in places[first::2]] for first in (0, 1)]
    chances = torch.empty(23, dtype=torch.float64)
    for half, other in (halves, halves[::-1]):
        slope, offset = calibration(logits[other], positive[other])
        chances[half] = (slope * logits[half] + offset).sigmoid()
    wanted = functional.binary_cross_entropy(chances, positive.double())
    torch.testing.assert_close(held_out_figures(logits, positive)["loss"], wanted)


@pytest.mark.parametrize("each", [1, 2, 3])
def test_held_out_figures_do_not_depend_on_how_the_classes_take_turns(each: int):
    torch.manual_seed(6)
    positive = torch.arange(6 * 67) // each % 2 == 0
    logits = torch.randn(len(positive)) + 2.0 * positive
    mixed = torch.randperm(len(positive))
    turns, wanted = held_out_figures(logits, positive), held_out_figures(logits[mixed], positive[mixed])
    assert float(turns["loss"]) == pytest.approx(float(wanted["loss"]), rel=0.2)
    assert turns["calibration_error"] < 0.15


def test_a_class_of_one_allele_is_calibrated_with_all():
    logits, positive = torch.tensor([2.0, 1.0, -1.0, -2.0, -1.5]), torch.tensor([True, False, False, False, False])
    slope, offset = calibration(logits, positive)
    wanted = functional.binary_cross_entropy((slope * logits.double() + offset).sigmoid(), positive.double())
    torch.testing.assert_close(held_out_figures(logits, positive)["loss"], wanted)


def test_areas_of_large_logits_are_those_of_their_order():
    logits = torch.tensor([900.0, 800.0, -800.0, -900.0, 850.0])
    assert held_out_figures(logits, torch.tensor([True, True, False, False, False]))["auroc"] == pytest.approx(5 / 6)


def test_alleles_of_a_step_depend_on_its_number_alone():
    whole = list(AllelesOfSteps(41, start_step=0, steps=9, batch=5, seed=2))
    assert [len(each) for each in whole] == [5] * 9
    assert list(AllelesOfSteps(41, start_step=0, steps=4, batch=5, seed=2)) == whole[:4]
    assert list(AllelesOfSteps(41, start_step=0, steps=9, batch=5, seed=3)) != whole
    assert {at for each in AllelesOfSteps(7, start_step=0, steps=50, batch=5, seed=2) for at in each} == set(range(7))


def test_examples_are_what_they_were_made_of():
    rows = FeatureRows(torch.arange(6.0).view(3, 2), torch.tensor([True, False, True]))
    assert len(rows) == 3
    assert rows[1].features.tolist() == [2.0, 3.0] and not rows[1].positive
    batch = pairs()
    variants = [Variant("chr1", at, b"A", b"C") for at in range(2)]

    def pair(variant: Variant):
        return batch.codes[variant.start].numpy(), batch.stretches[variant.start].numpy()

    read = WindowPairs(variants, batch.positive[:2], pair)
    assert len(read) == 2
    assert torch.equal(read[1].codes, batch.codes[1])


def test_each_validation_calibrates_on_what_it_read():
    frozen = FrozenEffect(*copy.deepcopy(parts()), **ABOUT)
    logged = {}
    frozen.log = lambda name, value, **_: logged.update({name: float(value)})  # type: ignore[method-assign]
    features = torch.randn(50, 37)
    positive = frozen.variant_head(features).detach() + 0.1 * torch.randn(50) > 0
    for at in range(0, 50, 20):
        frozen.validation_step(FeatureBatch(features[at : at + 20], positive[at : at + 20]), 0)
    frozen.on_validation_epoch_end()
    assert set(logged) == {
        f"validation/{name}" for name in ("loss", "auroc", "auprc", "calibration_error", "calibration_error_before")
    }
    assert float(frozen.variant_head.slope) > 1
    assert not frozen.read


def test_the_optimizer_is_the_one_that_was_asked_for():
    encoder, head, variant_head, _ = parts()
    asked = replace(OPTIMIZER, weight_decay=0.07, warmup_steps=3)
    found = TunedEffect(encoder, head, variant_head, asked, encoder_rate=0.1, **ABOUT).configure_optimizers()
    adam, schedule = found["optimizer"], found["lr_scheduler"]["scheduler"]
    assert {(group["betas"], group["weight_decay"]) for group in adam.param_groups} == {((0.9, 0.98), 0.07)}
    for step in range(10):
        rate = asked.rate_at(step, 10)
        assert [group["lr"] for group in adam.param_groups] == pytest.approx([0.01 * rate, 0.001 * rate])
        adam.step()
        schedule.step()


def test_dropout_is_another_in_every_step_and_with_every_seed():
    numbers = []
    for seed in (1, 2):
        frozen = FrozenEffect(*parts(), **(ABOUT | {"seed": seed}))
        for step in range(3):
            frozen.on_train_batch_start(None, step)
            numbers.append(float(torch.rand(())))
    assert len({*numbers}) == 6


def test_areas_are_those_counted_by_hand():
    logits, positive = torch.tensor([5.0, 4.0, 3.0, 2.0, 1.0]), torch.tensor([True, False, False, True, False])
    found = held_out_figures(logits, positive)
    assert float(found["auroc"]) == pytest.approx(4 / 6)
    assert float(found["auprc"]) == pytest.approx((1 + 2 / 4) / 2)
