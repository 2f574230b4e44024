"""The record of a run that may be gone on with: what a training reads in it is of the kinds that a training wrote."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genolong.errors import InputError
from genolong.runs.folder import RECORD
from genolong.runs.plain_values import said, unlike
from genolong.runs.record import read_record

KINDS = {"status": "finished", "inputs_sha256": {}, "regions_sha256": {}}  # of what it may say
REMEDY = "put back the record of this run, or use a new folder"


def begun_record(folder: Path) -> dict[str, Any]:
    """Of a run's folder; empty where none is there. Raises what read_record does, with what can be done here."""
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
