"""What identifies a long job, so that the same command resumes it: its inputs and settings."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from genolong.errors import SettingsError
from genolong.genome.files.hashed import sha256_of
from genolong.genome.files.partial_file import open_descriptor

APART = ("model", "output", "data", "trainer", "parallel", "resume", "debug")  # where and how; hashes say what


def check_resume(resume: str) -> None:
    """Raises SettingsError unless `resume` is auto or no."""
    if resume not in ("auto", "no"):
        raise SettingsError(f"resume={resume}: wanted auto or no")


def identity(
    settings: object, apart: Collection[str], origin: Mapping[str, Any], hashes: Mapping[str, str | None]
) -> dict[str, Any]:
    """Everything that a result depends on: settings (except APART and `apart`), its origin, and hashes of files."""
    plain = {name: value for name, value in vars(settings).items() if name not in (*APART, *apart, *hashes)}
    read = {f"{name}_sha256": sha256 for name, sha256 in hashes.items() if sha256 is not None}
    return {**plain, **origin, **read}


def hashes_of(settings: object, *names: str) -> dict[str, str | None]:
    """The sha256 of the files named by these settings; None if a setting is null or its file cannot be read."""
    return {name: None if (path := getattr(settings, name)) is None else _sha256(path) for name in names}


def place(path: str) -> Path:
    """The absolute path of a file, behind any links."""
    return Path(os.path.realpath(os.path.expanduser(path)))


def is_file(path: str) -> bool:
    """Whether a path is a file or could become one; not standard input or output, a pipe, a device or a folder."""
    found = Path(path).expanduser()
    return open_descriptor(path) is None and (found.is_file() or not found.exists())


def _sha256(path: str) -> str | None:
    try:
        return sha256_of(path)
    except OSError:
        return None  # reading it will say what is wrong
