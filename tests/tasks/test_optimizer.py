"""Which weights decay, and the learning rate at every step."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from genolong.errors import SettingsError
from genolong.tasks.optimizer import make_optimizer, set_rate
from genolong.tasks.optimizer_settings import OptimizerSettings

NAN, INFINITE = float("nan"), float("inf")


def settings(**changes) -> OptimizerSettings:
    values = {
        "kind": "adamw", "learning_rate": 0.01, "beta1": 0.85, "beta2": 0.97, "weight_decay": 0.1, "warmup_steps": 7,
        "schedule": "cosine", "decay_share": 0.3, "final_share": 0.02, "clip": 1.0,
    }  # fmt: skip
    return OptimizerSettings(**(values | changes))


class Parts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(6, 5)
        self.matrix = nn.Linear(5, 3)
        self.norm = nn.RMSNorm(3)
        self.taps = nn.Conv1d(3, 3, 9, groups=3)


def test_matrices_decay_and_nothing_else_does():
    module = Parts()
    optimizer, _ = make_optimizer(module, module, settings(), max_steps=10)
    decays = {id(weight): group["weight_decay"] for group in optimizer.param_groups for weight in group["params"]}
    assert {name: decays[id(weight)] for name, weight in module.named_parameters()} == {
        "embedding.weight": 0.0, "matrix.weight": 0.1, "matrix.bias": 0.0, "norm.weight": 0.0, "taps.weight": 0.0,
        "taps.bias": 0.0,
    }  # fmt: skip
    assert {group["betas"] for group in optimizer.param_groups} == {(0.85, 0.97)}


def test_muon_takes_the_encoders_matrices_and_moves_them_in_all_directions_alike():
    torch.manual_seed(2)
    module = nn.ModuleDict({"encoder": Parts(), "head": nn.Linear(3, 4)})
    encoder = module["encoder"]
    chosen = settings(kind="muon", weight_decay=0.0)
    optimizer, _ = make_optimizer(module, encoder, chosen, max_steps=10)
    before = {name: weight.detach().clone() for name, weight in module.named_parameters()}
    for weight in module.parameters():
        weight.grad = torch.randn_like(weight)
    optimizer.step()
    for name, weight in module.named_parameters():
        moved = (weight - before[name]).detach()
        assert moved.abs().max() > 0, name
        if name == "encoder.matrix.weight":
            sizes = torch.linalg.svdvals(moved)
            assert sizes.max() < 2 * sizes.min(), "five steps of Newton and Schulz leave them between 0.7 and 1.2"
            assert 0.5 < moved.square().mean().sqrt() / (0.2 * chosen.rate_at(0, 10) * 0.01) < 1.5, "as AdamW's"
        else:
            assert torch.allclose(moved.abs(), torch.full_like(moved, chosen.rate_at(0, 10) * 0.01), rtol=1e-3)


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_an_optimizer_goes_on_from_its_state_to_the_last_bit(kind):
    def train(steps: int, module: nn.Module, state: dict | None):
        optimizer, schedule = make_optimizer(module, module, settings(kind=kind), max_steps=7)
        if state is not None:
            optimizer.load_state_dict(state["optimizer"])
            schedule.load_state_dict(state["schedule"])
        for _ in range(steps):
            optimizer.zero_grad()
            module(torch.ones(2, 5)).square().sum().backward()
            optimizer.step()
            schedule.step()
        return {"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}

    torch.manual_seed(4)
    whole, cut = nn.Linear(5, 3), nn.Linear(5, 3)
    cut.load_state_dict(whole.state_dict())
    train(7, whole, None)
    train(4, cut, train(3, cut, None))
    assert all(torch.equal(one, other) for one, other in zip(whole.parameters(), cut.parameters(), strict=True))


@given(
    schedule=st.sampled_from(["cosine", "wsd"]), warmup=st.integers(0, 50), max_steps=st.integers(1, 200),
    final=st.floats(0, 1), decay=st.floats(0, 1),
)  # fmt: skip
def test_the_rate_rises_to_the_top_then_only_falls_to_its_final_share(schedule, warmup, max_steps, final, decay):
    chosen = settings(schedule=schedule, warmup_steps=warmup, final_share=final, decay_share=decay)
    rates = [chosen.rate_at(step, max_steps) for step in range(max(max_steps, warmup) + 5)]
    rising, falling = rates[:warmup], rates[warmup:]
    assert rising == [(step + 1) / warmup for step in range(warmup)]
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(falling))
    assert all(final - 1e-12 <= rate <= 1 + 1e-12 for rate in falling)
    if warmup < max_steps:
        assert falling[0] == pytest.approx(1) or schedule == "wsd"
        assert chosen.rate_at(max_steps, max_steps) == pytest.approx(final)


def test_cosine_is_half_way_down_in_the_middle():
    chosen = settings(warmup_steps=10, final_share=0.2)
    assert chosen.rate_at(10 + 45, 100) == pytest.approx((1 + 0.2) / 2)


def test_wsd_is_flat_then_a_straight_line():
    chosen = settings(schedule="wsd", warmup_steps=10, decay_share=0.25, final_share=0.0)
    assert {chosen.rate_at(step, 100) for step in range(9, 76)} == {1.0}
    assert [chosen.rate_at(step, 100) for step in (80, 90, 99)] == pytest.approx([0.8, 0.4, 0.04])


def test_the_optimizer_steps_at_the_rate_of_its_step():
    module = nn.Linear(2, 2)
    optimizer, schedule = make_optimizer(module, module, settings(), max_steps=30)
    for step in range(30):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01 * settings().rate_at(step, 30))
        optimizer.step()
        schedule.step()


@pytest.mark.parametrize(
    ("name", "values", "wanted"),
    [
        ("kind", ["sgd"], "adamw or muon"), ("learning_rate", [0.0, NAN, INFINITE], "a number, more than 0"),
        ("clip", [0.0, NAN, INFINITE], "a number, more than 0"), ("beta1", [1.0, -0.1], "at least 0 and less than 1"),
        ("beta2", [1.0, NAN], "at least 0 and less than 1"), ("decay_share", [1.1], "a number from 0 to 1"),
        ("final_share", [-0.1, NAN], "a number from 0 to 1"), ("weight_decay", [-0.1, NAN, INFINITE], "0 or more"),
        ("warmup_steps", [-1], "0 or more"), ("schedule", ["linear"], "cosine or wsd (warm-up, stable, decay)"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_its_name(name, values, wanted):
    for value in values:
        with pytest.raises(SettingsError) as refusal:
            settings(**{name: value})
        assert str(refusal.value) == f"optimizer.{name}={value}: wanted {wanted}"


def test_every_accepted_beta_suits_adamw():
    torch.optim.AdamW(nn.Linear(1, 1).parameters(), betas=(settings(beta1=0.0).beta1, 0.999999))


def test_the_decay_takes_the_nearest_number_of_steps():
    chosen = settings(schedule="wsd", warmup_steps=0, decay_share=0.29, final_share=0.0)  # 100 * 0.29 is 28.999...
    assert chosen.rate_at(71, 100) == 1.0
    assert chosen.rate_at(72, 100) == pytest.approx(28 / 29)


@pytest.mark.parametrize("decay", [0.0, 0.37])
def test_muons_matrices_decay_as_asked(decay):
    moved = {}
    for each in (0.0, decay):
        torch.manual_seed(2)
        module = Parts()
        optimizer, _ = make_optimizer(module, module, settings(kind="muon", weight_decay=each, warmup_steps=0), 10)
        before = {name: weight.detach().clone() for name, weight in module.named_parameters()}
        for weight in module.parameters():
            weight.grad = torch.ones_like(weight)
        optimizer.step()
        moved[each] = {name: weight.detach() for name, weight in module.named_parameters()}
    for name, weight in before.items():
        less = 0.01 * decay * weight if name == "matrix.weight" else torch.zeros_like(weight)
        assert torch.allclose(moved[0.0][name] - moved[decay][name], less, atol=1e-7), name


def test_a_group_at_a_rate_of_its_own_stays_at_it():
    module, chosen = Parts(), settings(warmup_steps=0)
    groups = [{"params": [module.matrix.weight]}, {"params": [module.matrix.bias], "lr": 0.001}]
    optimizer = torch.optim.SGD(groups, lr=0.01)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: chosen.rate_at(step, 10))
    set_rate(optimizer, chosen, 7, 20)
    rate = chosen.rate_at(7, 20)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.01 * rate, 0.001 * rate])
