"""Where a training goes on: from the newest whole checkpoint of the same settings and data, or from the beginning."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from genolong.errors import InputError, OutputError, SettingsError
from genolong.runs.checkpoint import check_fits, load_all
from genolong.runs.metrics_log import rows_before
from genolong.runs.saved import Newest, newest
from genolong.settings import TrainSettings

# what may differ: where results go, how long, how often one looks, and on what; steps that read as much are compared
FREE = {
    "debug", "resume", "data.fasta", "data.cache", "data.workers", "context.batch", "context.accumulation",
    "context.checkpoint_blocks", "trainer.max_steps", "trainer.max_time", "trainer.devices", "trainer.accelerator",
    "trainer.validate_every",
}  # fmt: skip
FREE_GROUPS = ("run", "checkpoint", "parallel", "logger")


@dataclass(frozen=True)
class Beginning:
    """A checkpoint (None: there is none, and step 0 is the first), the rows logged up to it, and what to tell.

    `resumed` is what the record keeps of all times that the run was resumed; empty for a new run.
    """

    checkpoint: Path | None
    step: int
    rows: list[dict[str, str]]
    notes: tuple[str, ...]
    resumed: list[dict[str, Any]]


def beginning(
    settings: TrainSettings, plain: Mapping[str, Any], inputs: Mapping[str, str], weights: Mapping[str, Tensor],
    folder: Path,
) -> Beginning:  # fmt: skip
    """Where the training of `settings` (and `plain`, the same) in `folder` begins; `weights` are a new model's.

    Raises OutputError where the folder holds a run that is finished or not to be continued, SettingsError naming the
    first setting that differs, InputError where data differ or no checkpoint can be read.
    """
    source = folder if settings.resume in ("auto", "no") else Path(settings.resume).expanduser()
    begun = (folder / "record.json").exists()
    if begun and (settings.resume == "no" or source.resolve() != folder.resolve()):
        raise OutputError(f"{folder}: holds a run already; wanted a new folder, or resume=auto to go on with it")
    if settings.resume == "no" or (settings.resume == "auto" and not begun):
        return Beginning(None, 0, [], (), [])
    plain = json.loads(json.dumps(plain))  # lists for tuples, as what is read has them
    found = newest(source, lambda path: _read(path, plain, weights))
    home = source if source.is_dir() else source.resolve().parent.parent
    record = _record(home)
    about = record if found is None else found.content[0]
    if found is None and source.resolve() != folder.resolve():
        raise InputError(f"resume={settings.resume}: no checkpoint was written there; name another run or checkpoint")
    _check_same(plain, inputs, about, source)
    step = 0 if found is None else found.content[1]
    finished = record.get("status") == "finished" and home.resolve() == folder.resolve()
    if step > settings.trainer.max_steps or (step == settings.trainer.max_steps and finished):
        raise OutputError(
            f"{folder}: holds a run already, finished at step {step}; go on with more trainer.max_steps=, or take a "
            "new folder"
        )
    return Beginning(
        None if found is None else found.path, step, rows_before(home / "metrics.csv", step),
        _notes(found, source, step), [*record.get("resumed", []), {"step": step, "from": str(found and found.path)}],
    )  # fmt: skip


def _read(path: Path, plain: Mapping[str, Any], weights: Mapping[str, Tensor]) -> tuple[dict[str, Any], int]:
    """What a checkpoint says of its run, and its step; the file is whole, and holds the model that it says."""
    about, checkpoint = load_all(path)
    if about.get("settings", {}).get("model") == plain["model"]:
        check_fits(path, checkpoint["state_dict"], weights)
    return about, checkpoint["global_step"]


def _record(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / "record.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}/record.json: cannot be read ({error}); take a new folder") from error


def _check_same(
    plain: Mapping[str, Any], inputs: Mapping[str, str], about: Mapping[str, Any], source: Path
) -> None:  # fmt: skip
    """Only what both know is compared: the run may be of another version."""
    try:
        before = dict(about["settings"])
        read = list(about["inputs_sha256"].values())
        windows = _windows_a_step(before)
        known = _leaves(before)
    except (KeyError, TypeError, AttributeError, ValueError, ZeroDivisionError) as error:
        raise InputError(f"{source}: does not say how it was made ({error!r}); take a new folder") from error
    for key, value in _leaves(plain).items():
        if key in known and key not in FREE and key.split(".")[0] not in FREE_GROUPS and value != known[key]:
            raise SettingsError(
                f"{key}={_shown(value)}: the run in {source} has {_shown(known[key])}; take the same, or a new folder"
            )
    if windows != _windows_a_step(plain):
        raise SettingsError(
            f"context.batch={plain['context']['batch']}: {_windows_a_step(plain)} windows a step on all devices, but "
            f"the run in {source} reads {windows}; change context.batch or context.accumulation, or take a new folder"
        )
    if read != list(inputs.values()):
        raise InputError(f"data.fasta: not the files that the run in {source} reads (their sha256 differ)")


def _windows_a_step(plain: Mapping[str, Any]) -> int:
    context, parallel = plain["context"], plain.get("parallel", {})
    replicas = plain["trainer"].get("devices", 1) // parallel.get("sequence", 1)
    return context["batch"] * context["accumulation"] * replicas


def _leaves(node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.items():
        found |= _leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


def _shown(value: Any) -> str:
    """A value as it is typed."""
    if isinstance(value, list):
        return f"[{','.join(map(_shown, value))}]"
    return {"None": "null", "True": "true", "False": "false"}.get(str(value), str(value))


def _notes(found: Newest | None, source: Path, step: int) -> tuple[str, ...]:
    if found is None:
        return (f"{source}: stopped before a checkpoint was written; begins anew",)
    return (*(f"passed over {why}" for why in found.passed_over), f"goes on after step {step} ({found.path})")
