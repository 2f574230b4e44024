"""A folder for files that can be recreated; each appears in it complete or not at all."""

import atexit
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable
from io import BufferedIOBase
from pathlib import Path

from genolong.errors import OutputError


class CacheFolder:
    """The `wanted` folder, else $XDG_CACHE_HOME/genolong, else ~/.cache/genolong; if unwritable, a temporary one."""

    def __init__(self, wanted: str | Path | None = None) -> None:
        self.folder = Path(wanted).expanduser() if wanted is not None else _usual_folder()
        self.notes: list[str] = []

    def path(self, name: str) -> Path:
        """The path of a file of this name, whether or not it exists."""
        return self.folder / name

    def write(self, name: str, write: Callable[[BufferedIOBase], None]) -> Path:
        """Let `write` fill a file, and only then give it its name; raises OutputError if no folder can hold it."""
        try:
            return _write_whole(self.path(name), write)
        except OSError as error:
            refused, reason = self.folder, error.strerror
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="genolong-"))
            atexit.register(_remove, self.folder, os.getpid())
            self.notes.append(
                f"the cache folder {refused} cannot be written ({reason}); a temporary folder is used for this run"
            )
            return _write_whole(self.path(name), write)
        except OSError as error:
            raise OutputError(
                f"neither {refused} ({reason}) nor a temporary folder ({error.strerror}) can hold {name}; "
                "set data.cache to a folder with space"
            ) from error


def _usual_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(base):  # the XDG specification says to ignore a relative path
        return Path(base) / "genolong"
    try:
        return Path.home() / ".cache" / "genolong"
    except RuntimeError as error:
        raise OutputError("no home folder is known for the cache; set data.cache to a folder") from error


def _write_whole(path: Path, write: Callable[[BufferedIOBase], None]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with unfinished.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # a forked child must not remove files that its parent reads
        shutil.rmtree(folder, ignore_errors=True)
