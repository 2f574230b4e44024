"""Whether two paths mean the same file, despite different names and links; and whether a path can be a file."""

import os
from collections.abc import Iterable
from pathlib import Path

from genolong.errors import SettingsError


def among(path: str | Path | None, read: Iterable[str | Path | None]) -> str | Path | None:
    """The file in `read` that a path means, if any; None and - (standard output) mean none of them."""
    if path in (None, "-"):
        return None
    return next((each for each in read if each not in (None, "-") and same_file(each, path)), None)


def same_file(one: str | Path, other: str | Path) -> bool:
    """Whether two paths mean the same file."""
    one, other = os.path.realpath(os.path.expanduser(one)), os.path.realpath(os.path.expanduser(other))
    try:
        return one == other or os.path.samefile(one, other)
    except OSError:  # one of them does not exist
        return False


def check_output(output: str | None) -> None:
    """Raises SettingsError if the name is that of a folder."""
    if output is not None and output.endswith(("/", "/.", "/..")):
        raise SettingsError(f"output={output}: is a folder; wanted the name of a file in it")
