"""Protects a command's inputs from being overwritten: genome, model and record, also those that a run refers to."""

from collections.abc import Collection, Iterable
from pathlib import Path

from genolong.commands.reading.trained_run import TrainedRun
from genolong.commands.same_file import among
from genolong.errors import SettingsError
from genolong.runs.exported import ANSWERS, CONFIG, WEIGHTS
from genolong.runs.folder import CHECKPOINTS, RECORD

OWN = ("config.yaml", "metrics.csv", RECORD, CONFIG, WEIGHTS, ANSWERS)


def files_of(run: TrainedRun) -> list[Path]:
    """A trained model's checkpoints, settings and record; files made from them may be replaced."""
    named = (run.checkpoint, *(run.folder / name for name in OWN))
    return [path for path in (*named, *(run.folder / CHECKPOINTS).glob("*.ckpt")) if path.is_file()]


def refuse_to_write_over(setting: str, written: Iterable[str | Path | None], read: Collection[str | Path]) -> None:
    """Raises SettingsError if a file to be written because of a setting is one of the inputs."""
    for path in written:
        found = among(path, read)
        if found is not None:
            raise SettingsError(f"{setting}={path}: {found} is an input, and would be overwritten; name another file")
