"""Checks what a checkpoint holds besides weights: counters, best loss, optimizer, schedule, and running mean."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from genolong.errors import InputError
from genolong.runs.checkpoint import IS_BEST
from genolong.runs.plain_values import said, unlike
from genolong.runs.sealed_zip import told

REMEDY = "no training can resume from it; use another checkpoint"

_DONE = {"ready": 0, "completed": 0}
_BEGUN = {**_DONE, "started": 0}
_READ = {**_BEGUN, "processed": 0}
# Lightning's counters; it starts at 0 if one of them is missing
COUNTERS = {
    "state_dict": {},
    "epoch_progress": {"total": _READ, "current": _READ},
    "epoch_loop.state_dict": {"_batches_that_stepped": 0},
    "epoch_loop.batch_progress": {"total": _READ, "current": _READ, "is_last_batch": False},
    "epoch_loop.scheduler_progress": {"total": _DONE, "current": _DONE},
    "epoch_loop.automatic_optimization.optim_progress": {
        "optimizer": {"step": {"total": _DONE, "current": _DONE}, "zero_grad": {"total": _BEGUN, "current": _BEGUN}}
    },
    "epoch_loop.val_loop.batch_progress": {"total": _READ, "current": _READ, "is_last_batch": False},
}  # fmt: skip
STEPS = ("epoch_loop.automatic_optimization.optim_progress", "optimizer", "step", "total", "completed")
MEAN_COUNTS = {"latest_update_step": 0}
EARLIER_NULL = ("fused",)  # of optimizers of earlier versions, which resume as they began


def check_goes_on(path: Path, training: Mapping[str, Any], optimizer: Optimizer, schedule: LRScheduler) -> None:
    """Raises InputError if Lightning could not resume from `training` with this optimizer and schedule.

    `training` comes from load_all; check_fits compares its weights. Of the optimizer's own weights only the shapes
    matter. Use neither optimizer nor schedule afterwards: they may have been changed.
    """
    step = training["global_step"]
    if not re.fullmatch(r"\d+(\.\d+)+((a|b|rc|\.post|\.dev)\d+)?(\+[\w.]+)?", training["pytorch-lightning_version"]):
        _refuse(path, "pytorch-lightning_version", training["pytorch-lightning_version"], "a version like 2.6.6")
    _compare(path, "loops", training["loops"], {"fit_loop": COUNTERS})
    counted: Any = training["loops"]["fit_loop"]
    for name in STEPS:
        counted = counted[name]
    if counted != step:
        _refuse(path, "loops.fit_loop", f"at step {counted}", f"step {step}, as global_step says")
    _compare(path, "callbacks", training["callbacks"], {"Checkpoints": {}})
    written_by = training["callbacks"]["Checkpoints"]
    best, is_best = written_by.get("best"), written_by.get(IS_BEST, False)
    if not isinstance(best, float) or best != best:
        _refuse(path, "callbacks.Checkpoints.best", best, "the best validation's loss")
    if not isinstance(is_best, bool):
        _refuse(path, f"callbacks.Checkpoints.{IS_BEST}", is_best, "true or false")
    for name, wanted in (("optimizer_states", optimizer), ("lr_schedulers", schedule)):
        if len(training[name]) != 1:
            _refuse(path, name, f"{len(training[name])} of them", f"the state of 1 {type(wanted).__name__}")
    _check_schedule(path, training["lr_schedulers"][0], schedule)
    _check_optimizer(path, training["optimizer_states"][0], optimizer, step)
    _check_mean(path, training)


def _check_schedule(path: Path, state: Any, schedule: LRScheduler) -> None:
    wanted = schedule.state_dict()
    needed = {name: wanted[name] for name in ("base_lrs", "last_epoch", "lr_lambdas")}
    _compare(path, "lr_schedulers.0", state, needed)
    known = {name: value for name, value in wanted.items() if name in state}  # another version of torch may have others
    _compare(path, "lr_schedulers.0", state, known)


def _check_optimizer(path: Path, state: Any, optimizer: Optimizer, step: int) -> None:
    """Each trained weight must have a state of its shape, and each group the same values as the optimizer's."""
    where, wanted = "optimizer_states.0", optimizer.state_dict()["param_groups"]
    _compare(path, where, state, {"state": {}, "param_groups": [{"params": group["params"]} for group in wanted]})
    numbers = [number for group in state["param_groups"] for number in group["params"]]
    if len(set(numbers)) != len(numbers):
        _refuse(path, f"{where}.param_groups", "a weight twice", "each of them once")
    for at, group in enumerate(optimizer.param_groups):
        saved = state["param_groups"][at]
        for number, weight in zip(saved["params"], group["params"], strict=True):
            found = state["state"].get(number)
            _check_state(path, f"{where}.state.{number}", found, weight, step, moments="betas" in group)
    try:
        optimizer.load_state_dict(state)
    except Exception as error:  # torch may raise anything for content that others wrote
        raise InputError(f"{path}: training.pt, {where}: {told(error)}; {REMEDY}") from error
    for at, group in enumerate(optimizer.state_dict()["param_groups"]):
        known = wanted[at] | {name: None for name in EARLIER_NULL if group.get(name, 0) is None}
        _compare(path, f"{where}.param_groups.{at}", group, known)
        for name, value in known.items():
            if (value is None or isinstance(value, (bool, str))) and group[name] != value:
                _refuse(path, f"{where}.param_groups.{at}.{name}", group[name], value)


def _check_state(path: Path, where: str, found: Any, weight: Tensor, step: int, *, moments: bool) -> None:
    """Checks what AdamW (`moments`) or Muon keeps for one weight."""
    one, shape = torch.Size(()), weight.shape
    wanted = {"step": one, "exp_avg": shape, "exp_avg_sq": shape} if moments else {"momentum_buffer": shape}
    if not isinstance(found, dict) or set(found) != set(wanted):
        held = ", ".join(map(repr, found)) if isinstance(found, dict) else found
        _refuse(path, where, held, f"{', '.join(wanted)} of a weight of shape {list(shape)}")
    for name, size in wanted.items():
        value = found[name]
        if not isinstance(value, Tensor) or value.shape != size or not value.is_floating_point():
            held = f"{value.dtype} {list(value.shape)}" if isinstance(value, Tensor) else value
            _refuse(path, f"{where}.{name}", held, f"numbers of shape {list(size)}")
        _refuse_if_not_finite(path, f"{where}.{name}", value)
    if moments and float(found["step"]) != step:
        _refuse(path, f"{where}.step", float(found["step"]), step)
    if moments and bool((found["exp_avg_sq"] < 0).any()):
        _refuse(path, f"{where}.exp_avg_sq", "less than 0", "means of squares")


def _check_mean(path: Path, training: Mapping[str, Any]) -> None:
    """Checks the running mean of weights (trainer.ema_decay), if the training keeps one."""
    name = "EMAWeightAveraging"
    if name not in training["callbacks"] and "current_model_state" not in training:
        return
    _compare(path, "callbacks", training["callbacks"], {name: MEAN_COUNTS})
    current, mean = training.get("current_model_state"), training["state_dict"]
    if not isinstance(current, dict) or list(current) != list(mean):
        _refuse(path, "current_model_state", "other tensors", "one for each of the weights")
    for each, weight in mean.items():
        value = current[each]
        if not isinstance(value, Tensor) or (value.dtype, value.shape) != (weight.dtype, weight.shape):
            _refuse(path, f"current_model_state.{each}", type(value).__name__, f"a tensor like {each} of weights.pt")
        _refuse_if_not_finite(path, f"current_model_state.{each}", value)
    count = training.get("averaging_state")
    tensor = count.get("n_averaged") if isinstance(count, dict) and len(count) == 1 else None
    if not isinstance(tensor, Tensor) or tensor.shape or tensor.is_floating_point() or int(tensor) < 0:
        _refuse(path, "averaging_state", count, "n_averaged, a whole number")


def _compare(path: Path, where: str, found: Any, example: Any) -> None:
    """Raises InputError for the first place where `found` has another type or structure than `example`."""
    if line := unlike(found, example, where):
        raise InputError(f"{path}: training.pt, {line}; {REMEDY}")


def _refuse(path: Path, where: str, found: Any, wanted: Any) -> NoReturn:
    raise InputError(f"{path}: training.pt, {said(where, found, wanted)}; {REMEDY}")


def _refuse_if_not_finite(path: Path, where: str, value: Tensor) -> None:
    if value.is_floating_point() and not bool(value.isfinite().all()):
        raise InputError(f"{path}: training.pt, {where} holds numbers that are not finite; use an earlier checkpoint")
