"""What an evaluation gives: figures by name, tables, notes and files; figures and what made them, as files."""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from genolong.commands.evaluation.evaluation_settings import EvaluationSettings
from genolong.errors import InputError, MissingInputError, OutputError
from genolong.genome.files.hashed import sha256_of
from genolong.genome.files.partial_file import refuse_no_file, write_whole
from genolong.loading.windows import absolute
from genolong.report.figures import Figure, Table
from genolong.runs.record import beside, finished, started, write_json

LARGEST = 1 << 24  # bytes of a file of figures


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


def refuse_unwritable(output: Path) -> None:
    """Before the work, not after it."""
    refuse_no_file(output)
    folder = output.parent
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise OutputError(f"{folder}: figures cannot be written to this folder; name a file elsewhere (output=)")


def write_figures(output: Path, figures: Sequence[Figure]) -> Path:
    """A flat JSON list, one figure a line; raises OutputError where that cannot be written."""
    rows = ",\n".join(f" {json.dumps(figure.as_json())}" for figure in figures)
    write_whole(output, f"[\n{rows}\n]\n".encode())
    return output


def picture_of(output: Path, end: str) -> Path:
    """Where a picture of figures lies: x.png beside x.json, and x.y.png beside x.y."""
    return output.with_name(f"{output.name.removesuffix('.json')}.{end}")


def read_figures(path: Path) -> list[Figure]:
    """What write_figures wrote; raises MissingInputError or InputError for anything else."""
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
    """What made the figures, beside them, for `reproduce`; nothing where the VCF came through a pipe.

    `model` is what is to be kept of the model, `notes` what people were told, `begun` when the evaluation began.
    """
    if settings.vcf == "-":
        return
    settings = settings.found_from_anywhere(output)
    inputs = {absolute(path): sha256 for path, sha256 in fasta.items()}
    if settings.vcf is not None:
        inputs[settings.vcf] = sha256_of(settings.vcf)
    beds = {absolute(path): sha256_of(path) for path in regions}
    record = {**started("evaluate", asdict(settings), inputs, beds, begun), **model, "notes": list(notes)}
    write_json(beside(output), finished(record, {"output_sha256": sha256_of(output)}))
