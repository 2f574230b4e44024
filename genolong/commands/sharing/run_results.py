"""What a run's folder says about its model: how it was trained, and its figures compared with baselines."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genolong.commands.evaluation.evaluated import read_figures
from genolong.commands.evaluation.own_figures import FIGURES, OF_OTHERS, says_own_bases
from genolong.commands.reading.trained_run import TrainedRun
from genolong.genome.files.hashed import sha256_of
from genolong.report.figures import Figure
from genolong.runs.folder import RECORD
from genolong.runs.record import beside, read_record


@dataclass(frozen=True)
class RunResults:
    """The training's record and the figures of its held-out bases; None if missing, or not of these weights."""

    record: Mapping[str, Any] | None
    figures: Mapping[str, Figure] | None
    notes: tuple[str, ...]


def run_results(run: TrainedRun) -> RunResults:
    """Reads record and figures; notes those left out since they are, or may be, of other weights; raises InputError."""
    record, of_record = _record(run.folder / RECORD, run)
    figures, of_figures = _figures(run.folder / FIGURES, run)
    return RunResults(record, figures, (*of_record, *of_figures))


def _record(path: Path, run: TrainedRun) -> tuple[Mapping[str, Any] | None, tuple[str, ...]]:
    """The record of the training; None, and a note, if it does not belong to these weights."""
    if not path.is_file():
        return None, ()
    record = read_record(path)
    of = record.get("weights_sha256")
    if of == run.weights_sha256:
        return record, ()
    if of is None:
        return None, (f"{path}: this training has not finished, so the model card does not say how it went",)
    return None, (f"{path}: belongs to other weights, so the model card does not say how these were trained",)


def _figures(path: Path, run: TrainedRun) -> tuple[Mapping[str, Figure] | None, tuple[str, ...]]:
    """The figures of the bases that the training held out; None, and a note, if they may be other figures."""
    if not path.is_file():
        return None, ()
    figures, made = read_figures(path), read_record(beside(path)) if beside(path).is_file() else {}
    if made.get("model_sha256") != run.weights_sha256:
        why = "does not say that it was measured with these weights"
    elif made.get("output_sha256") != sha256_of(path):
        why = "has changed since evaluate wrote it"
    elif not says_own_bases(made, vars(run.data), run.sha256):
        why = OF_OTHERS
    else:
        return {figure.name: figure for figure in figures}, ()
    return None, (f"{path}: {why}, so the model card leaves it out; run evaluate again",)
