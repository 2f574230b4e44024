"""The trainings in a folder, as a sweep leaves them."""

import os
from pathlib import Path
from typing import Any

from genolong.errors import InputError
from genolong.runs.folder import RECORD
from genolong.runs.record import maker, read_record

DEEPEST = 3  # folders below the given one: runs/<name>/<time>, and one more for those who sort theirs


def runs_in(folder: Path) -> tuple[dict[Path, dict[str, Any]], list[str]]:
    """Each training's folder with its record, in order of their names; and which records cannot be read.

    Links are not followed: `latest` leads to a run that is there anyway.
    """
    found, notes = {}, []
    for place in _recorded(folder):
        try:
            record = read_record(place / RECORD)
        except InputError as error:
            notes.append(str(error))
            continue
        if maker(record) in ("train", "train_variants"):
            found[place] = record
    return found, notes


def _recorded(folder: Path) -> list[Path]:
    """The folders that have a record, which are not searched further."""
    found = []
    for at, below, files in os.walk(folder):
        place = Path(at)
        below.sort()
        if RECORD in files:
            found.append(place)
        if RECORD in files or len(place.relative_to(folder).parts) >= DEEPEST:
            below.clear()
    return found
