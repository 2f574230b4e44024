"""What a command reads is not written over: genome, model and record, also those that a run names and nobody typed."""

from collections.abc import Collection, Iterable
from pathlib import Path

from genolong.commands.reading.trained_run import TrainedRun
from genolong.commands.same_file import among
from genolong.errors import SettingsError
from genolong.runs.exported import ANSWERS, CONFIG, WEIGHTS
from genolong.runs.folder import RECORD

OWN = ("config.yaml", "metrics.csv", RECORD, CONFIG, WEIGHTS, ANSWERS)


def files_of(run: TrainedRun) -> list[Path]:
    """The checkpoints, settings and record of a trained model; what is made of it may be replaced."""
    named = (run.checkpoint, *(run.folder / name for name in OWN))
    return [path for path in (*named, *(run.folder / "checkpoints").glob("*.ckpt")) if path.is_file()]


def refuse_to_write_over(setting: str, written: Iterable[str | Path | None], read: Collection[str | Path]) -> None:
    """Raises SettingsError where one of the files that a setting has written is one that is read."""
    for path in written:
        found = among(path, read)
        if found is not None:
            raise SettingsError(f"{setting}={path}: {found} is an input, and would be overwritten; name another file")
