"""A run's folder: its name, the `latest` link to it, and its removal if the run never began."""

import os
from pathlib import Path

from genolong.errors import OutputError, SettingsError
from genolong.runs.lock import LOCK, lock_removed

RECORD = "record.json"
CHECKPOINTS = "checkpoints"
HYDRAS_FILES = {"config.yaml", "hydra.yaml", "overrides.yaml"}  # in .hydra, written before the command is called


def check_name(name: object) -> None:
    """Raises SettingsError for a run.name that is not a plain folder name, and could lead out of the folder of runs."""
    if isinstance(name, int | float):
        what, typed = ("true or false", str(name).lower()) if isinstance(name, bool) else ("a number", name)
        raise SettingsError(f"run.name={typed}: is read as {what}; put it in quotes: 'run.name=\"{typed}\"'")
    if not isinstance(name, str) or not name or name[0] in ".-" or not set("/\\\0\n").isdisjoint(name):
        raise SettingsError(f"run.name={name!r}: wanted the name of a folder, without / and not starting with . or -")


def called(name: str, folder: Path) -> str:
    """What people call a run: its run.name, if its folder lies in one of that name; else the folder's own name."""
    return name if name in folder.resolve().parts else folder.resolve().name


def make_folder(folder: Path, runs: Path) -> None:
    """Creates a run's folder; if it lies inside `runs` (all runs of its name), points `runs`/latest to it.

    Raises OutputError if that is not possible.
    """
    latest = runs / "latest"
    if latest.is_dir() and not latest.is_symlink():
        raise OutputError(
            f"{latest}: is a folder, but a link to the newest run belongs there; use another run.name, or move it away"
        )
    try:
        (folder / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
        if folder.resolve().is_relative_to(runs.resolve()):
            link = runs / f".latest-{os.getpid()}"
            link.unlink(missing_ok=True)
            link.symlink_to(folder.resolve().relative_to(runs.resolve()))
            os.replace(link, latest)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be created ({error.strerror}); use another place (run.folder=...)"
        ) from error


def is_begun(folder: Path) -> bool:
    """Whether a run has left its record or checkpoints here, so that it may resume."""
    return (folder / RECORD).exists() or any((folder / CHECKPOINTS).glob("*.ckpt"))


def remove_unbegun(folder: Path) -> None:
    """Removes the folder of a run that was refused before it began: one that holds only Hydra's own three files.

    The lock file is removed as well, unless another process holds it.
    """
    hydras = folder / ".hydra"
    if not hydras.is_dir() or not {path.name for path in folder.iterdir()} <= {".hydra", LOCK}:
        return
    if {path.name for path in hydras.iterdir()} <= HYDRAS_FILES and lock_removed(folder):
        for path in hydras.iterdir():
            path.unlink()
        hydras.rmdir()
        folder.rmdir()
        if not any(folder.parent.iterdir()):
            folder.parent.rmdir()
