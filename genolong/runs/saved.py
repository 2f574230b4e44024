"""A run's checkpoint files, named after their steps, with links to the last and the best; finds the newest intact."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from genolong.errors import InputError, MissingInputError, UnsafeInputError
from genolong.genome.files.partial_file import sync_path
from genolong.runs.folder import CHECKPOINTS

LAST, BEST = "last.ckpt", "best.ckpt"  # links to files named after their steps

Read = TypeVar("Read")


class Newest(NamedTuple):
    """The newest intact checkpoint, what was read from it, and why newer ones were skipped."""

    path: Path
    content: Any
    passed_over: tuple[str, ...]


def of_step(folder: Path, step: int) -> Path:
    """The path of a run's checkpoint for a step."""
    return folder / CHECKPOINTS / f"step-{step:08d}.ckpt"


def point(name: str, target: Path) -> None:
    """Points the link `name` to a checkpoint next to it, atomically."""
    link = target.with_name(f".{name}-{os.getpid()}")
    link.unlink(missing_ok=True)
    link.symlink_to(target.name)
    os.replace(link, target.with_name(name))
    sync_path(target.parent)


def tidy(folder: Path, keep: int) -> None:
    """Removes all but the newest `keep` checkpoints and those that a link points to."""
    checkpoints = folder / CHECKPOINTS
    wanted = {(checkpoints / name).resolve() for name in (LAST, BEST)}
    for path in sorted(checkpoints.glob("step-*.ckpt"))[:-keep]:
        if path.resolve() not in wanted:
            path.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Removes temporary files of checkpoints that a killed process left; the caller must hold the folder's lock."""
    for path in (folder / CHECKPOINTS).glob(".*.ckpt[.-]*"):
        path.unlink(missing_ok=True)


def newest(place: Path, read: Callable[[Path], Read]) -> Newest | None:
    """The newest checkpoint in a run's folder (or file, if `place` is one) that `read` can read; None if there is none.

    Raises InputError if there are checkpoints but none can be read, MissingInputError if there is no such place.
    """
    if not place.is_dir():
        return Newest(place, read(place), ())
    checkpoints = place / CHECKPOINTS
    passed_over: list[str] = []
    for path in _in_order(checkpoints):
        try:
            return Newest(path, read(path), tuple(passed_over))
        except (UnsafeInputError, MissingInputError):
            raise
        except InputError as error:
            passed_over.append(str(error))
    if passed_over:
        none = "its only checkpoint is not" if len(passed_over) == 1 else f"none of {len(passed_over)} checkpoints is"
        raise InputError(f"{checkpoints}: {none} intact ({passed_over[0]})")
    return None


def _in_order(checkpoints: Path) -> list[Path]:
    """Checkpoints, newest first; links that were copied as files (cp -L) too: LAST by its time, BEST at the end."""
    named = sorted(checkpoints.glob("step-*.ckpt"), reverse=True)
    copied = [path for name in (LAST, BEST) if (path := checkpoints / name).is_file() and not path.is_symlink()]
    first = [path for path in copied if path.name == LAST and (not named or _written_at(path) >= _written_at(named[0]))]
    return [*first, *named, *(path for path in copied if path not in first)]


def _written_at(path: Path) -> int:
    return path.stat().st_mtime_ns
