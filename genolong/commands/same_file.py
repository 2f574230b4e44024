"""Whether two paths mean one file, by whatever names and links."""

import os
from collections.abc import Iterable
from pathlib import Path


def among(path: str | Path | None, read: Iterable[str | Path | None]) -> str | Path | None:
    """The one of the files `read` that a path means; no path means none of them, and neither does standard output."""
    if path in (None, "-"):
        return None
    return next((each for each in read if each not in (None, "-") and same_file(each, path)), None)


def same_file(one: str | Path, other: str | Path) -> bool:
    """Whether two paths mean one file."""
    one, other = os.path.realpath(os.path.expanduser(one)), os.path.realpath(os.path.expanduser(other))
    try:
        return one == other or os.path.samefile(one, other)
    except OSError:  # one of them is not there
        return False
