"""Reads the record of a run that may be resumed, and checks the types of the fields that a training needs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genolong.errors import InputError
from genolong.runs.folder import RECORD
from genolong.runs.plain_values import said, unlike
from genolong.runs.record import read_record

KINDS = {"status": "finished", "inputs_sha256": {}, "regions_sha256": {}}  # optional fields, with example values
REMEDY = "put back the record of this run, or use a new folder"


def begun_record(folder: Path) -> dict[str, Any]:
    """The record in a run's folder; empty if there is none. Raises as read_record does, with a remedy for this case."""
    path = folder / RECORD
    if not path.exists():
        return {}
    try:
        record = read_record(path)
    except InputError as error:
        raise type(error)(f"{error}; {REMEDY}") from error
    if line := _wrong(record):
        raise InputError(f"{path}: {line}; {REMEDY}")
    return record


def _wrong(record: Mapping[str, Any]) -> str | None:
    resumed = record.get("resumed", [])
    if not isinstance(resumed, list):
        return said("resumed", resumed, "a list")
    lines = [unlike(record.get(name, example), example, name) for name, example in KINDS.items()]
    lines += [unlike(each, {"step": 0}, f"resumed.{at}") for at, each in enumerate(resumed)]
    return next(filter(None, lines), None)
