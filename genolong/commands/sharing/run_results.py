"""What a run's folder says about its model: how it was trained, and its figures compared with baselines."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from genolong.commands.evaluation.evaluated import read_figures
from genolong.commands.evaluation.own_figures import FIGURES, OF_OTHERS, says_own_bases
from genolong.commands.reading.trained_run import TrainedRun
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
    notes, wanted = [], run.weights_sha256
    record, figures = None, None
    path = run.folder / RECORD
    if path.is_file():
        record = read_record(path)
        if record.get("weights_sha256") is None:
            notes.append(f"{path}: this training has not finished, so the model card does not say how it went")
            record = None
        elif record["weights_sha256"] != wanted:
            notes.append(f"{path}: belongs to other weights, so the model card does not say how these were trained")
            record = None
    path = run.folder / FIGURES
    if path.is_file():
        made = read_record(beside(path)) if beside(path).is_file() else {}
        if made.get("model_sha256") == wanted and says_own_bases(made, vars(run.data), run.sha256):
            figures = {figure.name: figure for figure in read_figures(path)}
        elif made.get("model_sha256") == wanted:
            notes.append(f"{path}: {OF_OTHERS}, so the model card leaves it out; run evaluate again")
        else:
            notes.append(
                f"{path}: does not say that it was measured with these weights, so the model card leaves it out; "
                "run evaluate again"
            )
    return RunResults(record, figures, tuple(notes))
