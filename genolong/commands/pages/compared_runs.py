"""Trainings to be compared, as their folders tell them: names by what was typed, courses, and evaluations."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from genolong.commands.pages.own_evaluation import own_evaluation
from genolong.commands.pages.training_page import bases_per_step
from genolong.errors import InputError
from genolong.report.curves import read_courses
from genolong.report.held_out import best_bits
from genolong.report.side_by_side import READ, Trained
from genolong.runs.folder import RECORD
from genolong.runs.record import maker

Record = Mapping[str, Any]
TYPED = Path(".hydra/overrides.yaml")  # what was typed for a run, written by Hydra


def compared_runs(found: Mapping[Path, Record]) -> tuple[list[Trained], list[str]]:
    """The trainings in these folders, and notes about those that cannot be read, which are left out."""
    names, runs, notes = _names(list(found)), [], []
    for folder, record in found.items():
        try:
            runs.append(_trained(names[folder], folder, record))
        except InputError as error:
            notes.append(f"left out: {error}")
        except (AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            notes.append(f"left out: {folder / RECORD}: is not as genolong writes it ({type(error).__name__}: {error})")
    return runs, notes


def _trained(name: str, folder: Path, record: Record) -> Trained:
    courses = read_courses(folder / "metrics.csv", READ)
    step = None if maker(record) == "train_variants" else bases_per_step(record["settings"])
    figures, warnings = own_evaluation(folder, record)
    model, _ = best_bits([] if warnings else figures)
    return Trained(name, str(folder.resolve()), record, courses, None if model is None else model.value, step)


def _names(folders: Sequence[Path]) -> dict[Path, str]:
    """What was typed for each run and not for all of them, as `seed=2`; its folder where that names several or none."""
    above = os.path.commonpath([folder.parent for folder in folders]) if folders else ""
    typed = {folder: _typed(folder / TYPED) for folder in folders}
    of_all = set.intersection(*map(set, typed.values())) if typed else set()
    own = {folder: " ".join(word for word in words if word not in of_all) for folder, words in typed.items()}
    times = Counter(own.values())
    return {
        folder: name if name and times[name] == 1 else os.path.relpath(folder, above) for folder, name in own.items()
    }


def _typed(path: Path) -> list[str]:
    """The settings typed for a run; none if it was started from Python."""
    try:
        words = OmegaConf.to_container(OmegaConf.load(path))
    except Exception:  # YAML has many ways to be wrong, and the folder names the run as well
        return []
    return [str(word) for word in words] if isinstance(words, list) else []
