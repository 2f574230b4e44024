"""Which weights decay, and the learning rate at every step."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from genolong.errors import SettingsError
from genolong.tasks.optimizer import OptimizerSettings, adamw

NAN, INFINITE = float("nan"), float("inf")


def settings(**changes) -> OptimizerSettings:
    values = {
        "learning_rate": 0.01, "beta1": 0.9, "beta2": 0.98, "weight_decay": 0.1, "warmup_steps": 7,
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
    optimizer, _ = adamw(module, settings(), max_steps=10)
    decays = {id(weight): group["weight_decay"] for group in optimizer.param_groups for weight in group["params"]}
    assert {name: decays[id(weight)] for name, weight in module.named_parameters()} == {
        "embedding.weight": 0.0, "matrix.weight": 0.1, "matrix.bias": 0.0, "norm.weight": 0.0, "taps.weight": 0.0,
        "taps.bias": 0.0,
    }  # fmt: skip
    assert {group["betas"] for group in optimizer.param_groups} == {(0.9, 0.98)}


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
    optimizer, schedule = adamw(nn.Linear(2, 2), settings(), max_steps=30)
    for step in range(30):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01 * settings().rate_at(step, 30))
        optimizer.step()
        schedule.step()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate", 0.0), ("learning_rate", NAN), ("learning_rate", INFINITE), ("beta1", 1.0), ("beta2", 1.0),
        ("beta1", -0.1), ("beta2", NAN), ("decay_share", 1.1), ("final_share", -0.1), ("final_share", NAN),
        ("weight_decay", -0.1), ("weight_decay", NAN), ("warmup_steps", -1), ("schedule", "linear"), ("clip", 0.0),
        ("clip", NAN),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_its_name(name, value):
    with pytest.raises(SettingsError, match=rf"optimizer\.{name}={value}.*: wanted"):
        settings(**{name: value})


def test_every_accepted_beta_suits_adamw():
    torch.optim.AdamW(nn.Linear(1, 1).parameters(), betas=(settings(beta1=0.0).beta1, 0.999999))
