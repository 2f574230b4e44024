"""Refuses to replace a file of another kind than the one to be written, such as one named by mistake."""

from contextlib import suppress
from pathlib import Path

from genolong.errors import OutputError


def refuse_other_kind(path: Path, begin: bytes, kind: str) -> None:
    """Raises OutputError if there is a file that is neither empty nor begins with `begin`, as `kind` does.

    Letters may be of either case.
    """
    found = b""
    with suppress(OSError):  # no file, or none that can be read: writing it tells what is wrong
        if path.is_file():
            with path.open("rb") as file:
                found = file.read(len(begin))
    if found and found.lower() != begin.lower():
        raise of_other_kind(path, kind)


def of_other_kind(path: Path | str, kind: str) -> OutputError:
    """The refusal of a file that is not of this kind."""
    return OutputError(f"{path}: exists, and is not {kind}; name another file, or remove this one")
