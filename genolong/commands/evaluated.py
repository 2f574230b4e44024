"""What an evaluation gives: figures by name, tables, notes and files; the figures as a file, whole or not at all."""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from genolong.errors import OutputError
from genolong.genome.partial_file import FAILED_DISK
from genolong.report.figures import Figure, Table


@dataclass(frozen=True)
class Evaluation:
    """All figures by name, tables of them for people, what to tell them, and the files that were written."""

    figures: tuple[Figure, ...]
    tables: tuple[Table, ...]
    notes: tuple[str, ...]
    files: tuple[Path, ...]

    def value(self, name: str) -> float:
        """The figure of that name, as in `model/loss`; raises KeyError for one that was not measured."""
        return {figure.name: figure.value for figure in self.figures}[name]


def refuse_unwritable(folder: Path) -> None:
    """Before the work, not after it."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise OutputError(f"{folder}: figures cannot be written to this folder; name a file elsewhere (output=)")


def write_figures(output: Path, figures: Sequence[Figure]) -> Path:
    """A flat JSON list, one figure a line; raises OutputError where that cannot be written."""
    rows = ",\n".join(f" {json.dumps(figure.as_json())}" for figure in figures)
    partial = output.with_name(f"{output.name}.partial")
    try:
        partial.write_text(f"[\n{rows}\n]\n")
        os.replace(partial, output)
    except OSError as error:
        partial.unlink(missing_ok=True)
        if error.errno in FAILED_DISK:
            raise
        raise OutputError(f"{output}: cannot be written ({error.strerror}); name another file (output=)") from error
    return output
