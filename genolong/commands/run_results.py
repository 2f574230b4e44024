"""What a run's folder says of the model in it: how it was trained, and its figures beside baselines."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genolong.commands.trained_run import TrainedRun
from genolong.errors import InputError
from genolong.runs.record import NAME, beside, read_record

FIGURES = "evaluation.json"
LARGEST = 1 << 24  # bytes of evaluation.json
FIELDS = {"name": str, "value": (int, float), "unit": str, "n": int}


@dataclass(frozen=True)
class RunResults:
    """The record of the training and the figures of its evaluation, both of just these weights, or None."""

    record: Mapping[str, Any] | None
    figures: Mapping[str, Mapping[str, Any]] | None
    notes: tuple[str, ...]


def run_results(run: TrainedRun) -> RunResults:
    """What is of other weights, or does not say of which it is, is left out and told; raises InputError."""
    notes, wanted = [], run.weights_sha256
    record, figures = None, None
    path = run.folder / NAME
    if path.is_file():
        record = read_record(path)
        if record.get("weights_sha256") != wanted:
            notes.append(f"{path}: is not of these weights, so the model card does not tell how they were trained")
            record = None
    path = run.folder / FIGURES
    if path.is_file():
        made = read_record(beside(path)) if beside(path).is_file() else {}
        if made.get("model_sha256") == wanted:
            figures = _figures(path)
        else:
            notes.append(
                f"{path}: does not say that it is of these weights, so the model card leaves it out; run evaluate again"
            )
    return RunResults(record, figures, tuple(notes))


def _figures(path: Path) -> dict[str, Mapping[str, Any]]:
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST + 1)
        rows = json.loads(text) if len(text) <= LARGEST else None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not JSON ({str(error)[:80]}); run evaluate again") from error
    if not isinstance(rows, Sequence) or not all(map(_is_figure, rows)):
        raise InputError(f"{path}: holds no figures; run evaluate again")
    return {row["name"]: row for row in rows}


def _is_figure(row: Any) -> bool:
    return isinstance(row, dict) and all(isinstance(row.get(name), kind) for name, kind in FIELDS.items())
