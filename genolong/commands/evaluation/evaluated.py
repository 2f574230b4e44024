"""The result of an evaluation (figures, tables, notes, files), and how its figures and record are stored."""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from genolong.commands.evaluation.evaluation_settings import EvaluationSettings
from genolong.errors import InputError, MissingInputError, OutputError
from genolong.genome.files.hashed import sha256_of
from genolong.genome.files.other_kinds import refuse_other_kind
from genolong.genome.files.partial_file import refuse_no_file, write_whole
from genolong.loading.windows import absolute
from genolong.report.figures import Figure, Table
from genolong.runs.record import beside, finished, started, write_json

LARGEST = 1 << 24  # bytes of a file of figures, at most


@dataclass(frozen=True)
class Evaluation:
    """All figures, tables of them, notes for the user, and the files that were written."""

    figures: tuple[Figure, ...]
    tables: tuple[Table, ...]
    notes: tuple[str, ...]
    files: tuple[Path, ...]

    def value(self, name: str) -> float:
        """The value of a figure, such as `model/loss`; raises KeyError if it was not measured."""
        return {figure.name: figure.value for figure in self.figures}[name]


def refuse_unwritable(output: Path) -> None:
    """Raises OutputError if figures cannot be written there, before the work rather than after it."""
    refuse_no_file(output)
    refuse_other_kind(output, b"[", "a file of figures")
    folder = output.parent
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise OutputError(f"{folder}: figures cannot be written to this folder; name a file elsewhere (output=)")


def write_figures(output: Path, figures: Sequence[Figure]) -> Path:
    """Writes a flat JSON list, one figure per line; raises OutputError if that is not possible."""
    rows = ",\n".join(f" {json.dumps(figure.as_json())}" for figure in figures)
    write_whole(output, f"[\n{rows}\n]\n".encode())
    return output


def picture_of(output: Path, end: str) -> Path:
    """The path of a picture of figures: x.png next to x.json, and x.y.png next to x.y."""
    return output.with_name(f"{output.name.removesuffix('.json')}.{end}")


def read_figures(path: Path) -> list[Figure]:
    """Reads what write_figures wrote; raises MissingInputError or InputError for anything else."""
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST + 1)
        if len(text) > LARGEST:
            raise ValueError(f"larger than {LARGEST:,} bytes")
        return [Figure.of(noted) for noted in json.loads(text)]
    except OSError as error:
        raise MissingInputError(f"{path}: cannot be read ({error.strerror}); wanted figures of evaluate") from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise InputError(
            f"{path}: holds no figures ({str(error)[:80]}); wanted what evaluate wrote; run it again"
        ) from error


def record_evaluation(
    settings: EvaluationSettings, output: Path, fasta: Mapping[str, str], regions: Sequence[str],
    model: Mapping[str, str], notes: Sequence[str], begun: str,
) -> None:  # fmt: skip
    """Writes the record of an evaluation next to its figures, for `reproduce`; none if the VCF came through a pipe.

    `model` holds fields about the model, `notes` what the user was told, `begun` the evaluation's start time.
    """
    if settings.vcf == "-":
        return
    settings = settings.found_from_anywhere(output)
    inputs = {absolute(path): sha256 for path, sha256 in fasta.items()}
    inputs |= {path: sha256_of(path) for path in (settings.vcf, settings.synonyms) if path is not None}
    beds = {absolute(path): sha256_of(path) for path in regions}
    record = {**started("evaluate", asdict(settings), inputs, beds, begun), **model, "notes": list(notes)}
    write_json(beside(output), finished(record, {"output_sha256": sha256_of(output)}))
