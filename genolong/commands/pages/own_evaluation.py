"""The figures in a training's folder that evaluate measured on the bases which this training held out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genolong.commands.evaluation.evaluated import read_figures
from genolong.commands.evaluation.own_figures import FIGURES, OF_OTHERS, says_own_bases
from genolong.errors import InputError
from genolong.genome.files.hashed import sha256_of
from genolong.report.figures import Figure
from genolong.runs.record import beside, read_record

Record = Mapping[str, Any]


def own_evaluation(folder: Path, record: Record) -> tuple[list[Figure], list[str]]:
    """The figures, if there are any, and warnings about them."""
    path = folder / FIGURES
    if not path.is_file():
        return [], []
    warnings = []
    try:
        figures = read_figures(path)
        about = read_record(beside(path)) if beside(path).is_file() else {}
    except InputError as error:
        return [], [str(error)]
    if not about:
        warnings.append(f"{FIGURES} has no record next to it, so what it was measured on is unknown.")
    elif about.get("output_sha256") != sha256_of(path):
        warnings.append(f"{FIGURES} has changed since evaluate wrote it: its sha256 differs from its record.")
    elif record.get("status") != "finished" or about.get("model_sha256") != record.get("weights_sha256"):
        warnings.append(f"{FIGURES} was not measured with the final weights of this training.")
    if about and not says_own_bases(
        about, dict(record["settings"].get("data") or {}), dict(record.get("inputs_sha256") or {}).values()
    ):
        return [], [f"{FIGURES} {OF_OTHERS}, and is left out; evaluate again."]
    return figures, warnings
