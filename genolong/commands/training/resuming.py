"""Where a training resumes: from the newest intact checkpoint with the same settings and data, or from the start."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from genolong.commands.reading.file_titles import TITLES, renamed
from genolong.errors import FinishedRunError, InputError, OutputError, SettingsError, UnsafeInputError
from genolong.report.typed_settings import leaves, typed
from genolong.runs.begun_record import begun_record
from genolong.runs.checkpoint import IS_BEST, VALIDATED, check_fits, load_all
from genolong.runs.folder import CHECKPOINTS, is_begun
from genolong.runs.metrics_log import lost_rows, rows_before
from genolong.runs.record import replicas
from genolong.runs.saved import BEST, Newest, newest, of_step, point
from genolong.runs.training_state import check_goes_on
from genolong.settings import refuse_active

# settings that may differ when resuming: places, durations, frequencies, devices; inputs are compared by hash, and
# steps by how much they read
FREE = {
    "debug", "resume", "init_from", "data.fasta", "data.vcf", "data.synonyms", "data.cache", "data.workers",
    "context.batch", "context.accumulation", "context.checkpoint_blocks", "trainer.max_steps", "trainer.max_time",
    "trainer.devices", "trainer.accelerator", "trainer.validate_every", "trainer.attention",
    "trainer.check_memory",
}  # fmt: skip
FREE_GROUPS = ("run", "checkpoint", "parallel", "logger")


@dataclass(frozen=True)
class Wanted:
    """A training as requested: all settings, the sha256 of all files that it reads, and a new model's weights.

    `trained_by` is what a new module's configure_optimizers returns; only the shapes in it matter. `regions` are hashes
    of BED files, `titles` the names of FASTA files that are part of contigs' names. `model` is the sha256 of the model
    that it starts from. `said_at` is the key under which its checkpoints say how they were made, as record.json does;
    None: at the top level.
    """

    settings: Mapping[str, Any]
    inputs: Mapping[str, str]
    weights: Mapping[str, Tensor]
    trained_by: Mapping[str, Any]
    regions: Mapping[str, str] = field(default_factory=dict)
    titles: tuple[str, ...] = ()
    model: str | None = None
    said_at: str | None = None


@dataclass(frozen=True)
class Beginning:
    """The checkpoint to resume from (None: start at step 0), the rows logged up to it, and notes for the user.

    `has_best` says whether the folder keeps the best checkpoint so far. `before` is the record of the resumed run, or
    what its checkpoint says if there is none; None for a new run.
    """

    checkpoint: Path | None
    step: int
    rows: list[dict[str, str]]
    has_best: bool
    notes: tuple[str, ...]
    before: dict[str, Any] | None


def beginning(wanted: Wanted, folder: Path) -> Beginning:
    """Where a training in `folder` begins.

    Raises FinishedRunError if the folder holds this training, finished; OutputError if it holds a run that must not be
    continued; SettingsError naming the first setting that differs; InputError if data differ or no checkpoint can be
    read.
    """
    asked, last_step = wanted.settings["resume"], wanted.settings["trainer"]["max_steps"]
    source = _source(asked, folder)
    if source is None:
        return Beginning(None, 0, [], False, (), None)
    found = newest(source, lambda path: _read(path, wanted))
    home, record = _home(source, wanted)
    said = record if found is None else found.content[0]
    if found is None and source.resolve() != folder.resolve():
        raise InputError(f"resume={asked}: no checkpoint was written there; name another run or checkpoint")
    if difference := _difference(wanted, said, source):
        raise difference
    step, validated, is_best = (0, True, False) if found is None else found.content[1:]
    finished = record.get("status") == "finished" and home.resolve() == folder.resolve()
    if step == last_step and finished:
        raise FinishedRunError(
            f"{folder}: already holds this run, finished at step {step}; a larger trainer.max_steps= continues it, and "
            "a new folder makes another"
        )
    if step > last_step:
        raise SettingsError(
            f"trainer.max_steps={last_step}: the run in {source} has already done {step} steps; ask for as many or "
            "more, or use a new folder"
        )
    path = of_step(folder, step)
    if is_best and path.exists():  # its writer may have been killed before pointing to it
        point(BEST, path)
    notes = (*_notes(found, source, step), *lost_rows(home / "metrics.csv", step))
    return Beginning(
        None if found is None else found.path, step, rows_before(home / "metrics.csv", step, validated=validated),
        (folder / CHECKPOINTS / BEST).exists(), notes, record or said,
    )  # fmt: skip


def _home(source: Path, wanted: Wanted) -> tuple[Path, dict[str, Any]]:
    """The folder whose metrics.csv is continued, and its record; no record for a file in another run's folder."""
    if source.is_dir():
        return source, begun_record(source)
    folder = source.resolve().parent
    record = begun_record(folder.parent) if folder.name == CHECKPOINTS else {}
    if record and _difference(wanted, record, source) is None:
        return folder.parent, record
    return folder, {}


def gone_on_with(asked: str, folder: Path) -> dict[str, Any]:
    """The record of the run that a training in `folder` resumes; empty if there are no checkpoints."""
    source = _source(asked, folder)
    there = source is not None and source.is_dir() and any((source / CHECKPOINTS).glob("*.ckpt"))
    return begun_record(source) if source is not None and there else {}


def _source(asked: str, folder: Path) -> Path | None:
    """Where the checkpoints to resume from are; None for a new run. Raises OutputError if the folder must be kept.

    If a command that named another run is repeated, it resumes from its own checkpoints, if there are any.
    """
    named = None if asked in ("auto", "no") else Path(asked).expanduser()
    if not is_begun(folder):
        return named
    record = begun_record(folder)
    if not record:
        raise OutputError(
            f"{folder}: holds checkpoints, but no record.json to say which run they are from; put it back, continue "
            f"from them in a new folder (resume={folder}), or use a new folder"
        )
    again = named is not None and record["settings"].get("resume") == asked
    if asked == "no" or not (named is None or again or named.resolve() == folder.resolve()):
        raise OutputError(f"{folder}: already holds a run; wanted a new folder, or resume=auto to continue it")
    return named if again and not any((folder / CHECKPOINTS).glob("*.ckpt")) else folder


def _read(path: Path, wanted: Wanted) -> tuple[Any, int, bool, bool]:
    """Checks a checkpoint; returns what it says of its run, its step, and whether that was validated and the best."""
    about, checkpoint = load_all(path)
    try:
        refuse_active(about)
    except UnsafeInputError as error:
        raise UnsafeInputError(f"{path}: its settings: {error}") from error
    said = about if wanted.said_at is None else about.get(wanted.said_at)
    if _difference(wanted, said, path) is None:
        check_fits(path, checkpoint["state_dict"], wanted.weights)
        check_goes_on(path, checkpoint, wanted.trained_by["optimizer"], wanted.trained_by["lr_scheduler"]["scheduler"])
    state = checkpoint["callbacks"].get("Checkpoints")
    is_best = isinstance(state, dict) and state.get(IS_BEST) is True
    return said, checkpoint["global_step"], bool(checkpoint.get(VALIDATED, True)), is_best


def _difference(wanted: Wanted, said: Any, source: Path) -> InputError | None:
    """Why a run is not the requested one, or None; compares only what both know, since versions may differ."""
    plain = json.loads(json.dumps(wanted.settings))  # tuples become lists, as in what is read
    try:
        before = dict(said["settings"])
        read = list(said["inputs_sha256"].values())
        beds = list(said.get("regions_sha256", wanted.regions).values())
        titles = list(said.get(TITLES, wanted.titles))
        examples = _examples_a_step(before)
        known = dict(leaves(before))
    except (KeyError, TypeError, AttributeError, ValueError, ZeroDivisionError) as error:
        return InputError(f"{source}: does not say how it was made ({error!r}); use a new folder")
    for key, value in leaves(plain):
        if key in known and key not in FREE and key.split(".")[0] not in FREE_GROUPS and value != known[key]:
            return SettingsError(
                f"{key}={typed(value)}: the run in {source} has {typed(known[key])}; use the same, or a new folder"
            )
    if examples != _examples_a_step(plain):
        return SettingsError(
            f"context.batch={plain['context']['batch']}: {_examples_a_step(plain)} windows a step on all devices, but "
            f"the run in {source} reads {examples}; change context.batch or context.accumulation, or use a new folder"
        )
    if read != list(wanted.inputs.values()):
        other = next((name for name, sha256 in wanted.inputs.items() if sha256 not in read), None)
        key = next((key for key, value in leaves(plain) if value == other and key in FREE), "data.fasta")
        return InputError(f"{key}: not the files that the run in {source} reads (their sha256 differ)")
    if titles != list(wanted.titles):
        return InputError(f"data.fasta: {renamed(titles, wanted.titles)}, or use a new folder")
    if beds != list(wanted.regions.values()):
        return InputError(f"data.regions, data.validation: not the BED files that the run in {source} reads")
    if said.get("init_from_sha256") != wanted.model:
        began = before.get("init_from")
        remedy = f"; use init_from={began}, or a new folder" if isinstance(began, str) else "; use a new folder"
        return InputError(
            f"init_from: not the model that the run in {source} started from (their sha256 differ){remedy}"
        )
    return None


def _examples_a_step(plain: Mapping[str, Any]) -> int:
    """Windows that all devices together read in a step; for variant heads alleles, all of which every device reads."""
    if "context" not in plain:
        return plain["batch"]
    return plain["context"]["batch"] * plain["context"]["accumulation"] * replicas(plain)


def _notes(found: Newest | None, source: Path, step: int) -> tuple[str, ...]:
    if found is None:
        return (f"{source}: stopped before a checkpoint was written; starting over",)
    return (*(f"skipped {why}" for why in found.passed_over), f"resuming after step {step} ({found.path})")
