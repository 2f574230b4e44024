"""Whether an evaluation is of exactly the bases that a training held out, so that the run's page may quote it."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from genolong.commands.evaluation.evaluation_settings import HeldOutSettings
from genolong.runs.folder import RECORD
from genolong.runs.record import maker, read_record

FIGURES = "evaluation.json"  # in the run's folder
OF_OTHERS = "is about bases other than those this training held out"


def reads_own_bases(
    asked: Mapping[str, Any], sha256: Collection[str], trained: Mapping[str, Any], trained_sha256: Collection[str]
) -> bool:
    """Compares an evaluation with the training: their settings under `data`, and the hashes of their FASTA files."""
    same = all(asked.get(name) in (None, trained.get(name)) for name in ("validation", "regions"))
    return same and set(sha256) == set(trained_sha256)


def says_own_bases(evaluation: Mapping[str, Any], trained: Mapping[str, Any], trained_sha256: Collection[str]) -> bool:
    """The same, for the record of an evaluation."""
    asked, sha256 = evaluation["settings"].get("data"), evaluation.get("inputs_sha256")
    if not isinstance(asked, Mapping) or not isinstance(sha256, Mapping):
        return False
    return reads_own_bases(asked, sha256.values(), trained, trained_sha256)


def are_of_training(figures: Path) -> bool:
    """Whether these figures are on the page of the training in whose folder they lie; a head's page has none."""
    record = figures.with_name(RECORD)
    return figures.name == FIGURES and record.is_file() and maker(read_record(record)) == "train"


def place_of_figures(
    folder: Path, asked: HeldOutSettings, sha256: Mapping[str, str], trained: Mapping[str, Any],
    trained_sha256: Collection[str],
) -> Path:  # fmt: skip
    """evaluation.json in the run's folder, which its page and card quote; figures of other bases get another name.

    `sha256` maps the FASTA files that are read to their hashes.
    """
    if reads_own_bases(vars(asked), sha256.values(), trained, trained_sha256):
        return folder / FIGURES
    first = Path(next(iter(sha256))).name.split(".")[0] or "other"
    return folder / f"evaluation_of_{first}.json"
