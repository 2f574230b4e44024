"""Writes a folder under a temporary name next to its place, and renames it only when it is complete."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from genolong.errors import OutputError
from genolong.genome.files.partial_file import FAILED_DISK, naming, sync_path, umask


@contextmanager
def whole_folder(path: Path, setting: str) -> Iterator[Path]:
    """A temporary folder to fill; becomes `path` at the end, or is removed on an error.

    Raises OutputError, naming the setting, if it cannot be created or `path` already exists.
    """
    path = Path(os.path.abspath(path.expanduser()))
    if os.path.lexists(path) and not (path.is_dir() and not path.is_symlink() and not any(path.iterdir())):
        raise OutputError(f"{setting}={path}: already exists; name a new folder, or remove that one first")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        filled = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    except OSError as error:
        if error.errno in FAILED_DISK:
            raise
        raise OutputError(f"{setting}={path}: cannot be created ({error.strerror}); name another place") from error
    try:
        with naming(path):
            yield filled
        for each in (*filled.iterdir(), filled):
            sync_path(each)
        os.chmod(filled, 0o777 & ~umask())  # mkdtemp lets only the owner in
        os.rename(filled, path)
    except BaseException:
        shutil.rmtree(filled, ignore_errors=True)
        raise
    sync_path(path.parent)
