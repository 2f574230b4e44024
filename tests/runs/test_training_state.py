"""A checkpoint that a training goes on from is checked to the last value, whatever its seal says."""

from collections.abc import Iterator
from copy import deepcopy
from math import isfinite
from pathlib import Path
from typing import Any

import pytest
import torch

from genolong.commands.training.train import train
from genolong.errors import InputError
from genolong.runs.checkpoint import load_all
from genolong.runs.training_state import check_goes_on
from genolong.tasks.masked_bases import MaskedBases
from tests.builders.resumed_runs import settings_of

pytestmark = pytest.mark.filterwarnings("ignore:GPU available")
KINDS = {"plain": (), "muon with a mean": ("optimizer=muon", "trainer.ema_decay=0.9", "optimizer.warmup_steps=2")}
ADAMWS = ("optimizer_states", 0, "state", None)  # of one weight
NOT_READ = (  # by a training; or any number will do
    "epoch", "validated", "loops.fit_loop.state_dict", "loops.fit_loop.epoch_loop.manual", ".state_dict",
    "loops.validate_loop", "loops.test_loop", "loops.predict_loop", "global_step",
    "decoupled_weight_decay",
)  # fmt: skip
NUMBERS = {"lr", "initial_lr", "weight_decay", "eps", "momentum", "best", "0", "1", "2"}  # in rows: betas, rates
SUPPLIED = {
    "_get_lr_called_within_step", "_is_initial", "_last_lr", "_step_count", "amsgrad", "maximize", "foreach",
    "capturable", "differentiable", "fused", "is_best",  # which earlier versions did not write
}  # fmt: skip
IS_NULL = "lr_lambdas."


@pytest.fixture(scope="module", params=KINDS)
def saved(request: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], MaskedBases]:
    """What a training of three steps goes on from, and a new model of the same settings."""
    home = tmp_path_factory.mktemp("home")
    settings = settings_of(home, "trainer.max_steps=3", "trainer.validate_every=2", *KINDS[request.param])
    trained = train(settings, home / "run")
    training = load_all(home / "run" / "checkpoints" / "last.ckpt")[1]
    model = MaskedBases(
        settings.model, settings.task, settings.optimizer, max_steps=3, seed=settings.seed, checkpoint_blocks=0
    )
    assert trained.trainer.global_step == training["global_step"] == 3
    return training, model


def check(saved: tuple[dict[str, Any], MaskedBases]) -> None:
    made = saved[1].configure_optimizers()
    check_goes_on(Path("run/last.ckpt"), saved[0], made["optimizer"], made["lr_scheduler"]["scheduler"])


def places(node: Any, *before: Any) -> Iterator[tuple[Any, ...]]:
    """Ways to all tables, rows and values of a checkpoint's training."""
    if before:
        yield before
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, (list, tuple)) else ()
    for name, value in inside:
        yield from places(value, *before, name)


def with_another(node: Any, way: tuple[Any, ...], value: Any) -> Any:
    """The same but for what is at one place; None: nothing is there. All that does not lie on the way is shared."""
    name, *rest = way
    changed = dict(node) if isinstance(node, dict) else list(node)
    if rest:
        changed[name] = with_another(node[name], tuple(rest), value)
    elif value is None and isinstance(changed, dict):
        del changed[name]
    else:
        changed[name] = value
    return changed


def test_what_a_training_wrote_is_taken(saved):
    check(saved)


@pytest.mark.parametrize("value", ["x", [], {}, -1, -1.5, float("nan"), torch.zeros(2, 3, 7), None], ids=str)
def test_every_value_of_another_kind_is_refused_in_a_line(saved, value: Any):
    training, model = saved
    taken = set()
    for way in places({name: part for name, part in training.items() if name != "state_dict"}):
        where = ".".join(map(str, way))
        if len(way) == 1 or any(where.startswith(part) or where.endswith(part) for part in NOT_READ):
            continue
        try:
            check((with_another(training, way, value), model))
            taken.add(where)
        except InputError as error:
            assert str(error).startswith("run/last.ckpt: training.pt, ") and str(error).isprintable()
    is_number = isinstance(value, int | float) and isfinite(value)
    of_another_number = {where for where in taken if is_number and where.split(".")[-1] in NUMBERS}
    supplied_by_torch = {
        where for where in taken if value is None and (where.split(".")[-1] in SUPPLIED or IS_NULL in where)
    }
    assert taken == of_another_number | supplied_by_torch


@pytest.mark.parametrize(
    ("way", "value", "words"),
    [
        (
            ("optimizer_states",),
            [],
            r"optimizer_states: found 0 of them, wanted the state of 1 \w+; no training",
        ),
        (("lr_schedulers",), [], r"lr_schedulers: found 0 of them, wanted the state of 1 LambdaLR"),
        (("global_step",), 2, r"loops.fit_loop: found at step 3, wanted step 2, as global_step says"),
        (("pytorch-lightning_version",), "two", r"pytorch-lightning_version: found two, wanted a version like 2.6.6"),
        (("callbacks", "Checkpoints"), {}, r"callbacks.Checkpoints.best: found null, wanted the best validation's"),
        ((*ADAMWS, "exp_avg_sq"), -1.0, r"exp_avg_sq: found less than 0, wanted means of squares"),
        ((*ADAMWS, "exp_avg"), float("nan"), r"exp_avg holds numbers that are not finite; use an earlier checkpoint"),
        ((*ADAMWS, "step"), 7.0, r"step: found 7.0, wanted 3"),
    ],
)
def test_what_is_wrong_is_named_with_the_remedy(saved, way: tuple[Any, ...], value: Any, words: str):
    training, model = saved
    if way[:3] == ADAMWS[:3]:
        states = training["optimizer_states"][0]["state"]
        number = max(states)  # of a weight that is AdamW's in either kind
        way = (*way[:3], number, way[-1])
        value = torch.full_like(states[number][way[-1]], value)
    with pytest.raises(InputError, match=words) as caught:
        check((with_another(training, way, value), model))
    assert str(caught.value).startswith("run/last.ckpt: training.pt, ")


@pytest.mark.parametrize("saved", ["muon with a mean"], indirect=True)
def test_a_mean_counts_its_steps_and_nothing_else(saved):
    training, model = saved
    counted = {**training["averaging_state"], "another": torch.tensor(3)}
    with pytest.raises(InputError, match=r"averaging_state: .* wanted n_averaged, a whole number"):
        check(({**training, "averaging_state": counted}, model))


def test_the_states_of_two_weights_may_not_change_places(saved):
    training, model = saved
    states = deepcopy(training["optimizer_states"])
    first, last = min(states[0]["state"]), max(states[0]["state"])
    states[0]["state"][first], states[0]["state"][last] = states[0]["state"][last], states[0]["state"][first]
    with pytest.raises(InputError, match=r"optimizer_states.0.state.0\b.*, wanted "):
        check(({**training, "optimizer_states": states}, model))


def test_an_optimizer_of_an_earlier_version_is_taken_but_none_of_another_kind(saved):
    training, model = saved
    for value, taken in ((None, True), (False, False)):
        states = deepcopy(training["optimizer_states"])
        states[0]["param_groups"][-1]["fused"] = value
        made = {**training, "optimizer_states": states}, model
        if taken:
            check(made)
        else:
            with pytest.raises(InputError, match=r"param_groups.\d.fused: found False, wanted True; no training"):
                check(made)


def test_a_weight_counted_twice_is_refused(saved):
    training, model = saved
    states = deepcopy(training["optimizer_states"])
    numbers = states[0]["param_groups"][-1]["params"]
    numbers[-1] = numbers[0]
    with pytest.raises(InputError, match=r"found a weight twice, wanted each of them once"):
        check(({**training, "optimizer_states": states}, model))
