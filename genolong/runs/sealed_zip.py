"""A zip file written atomically and checked when read: a sha256 for each part, and a seal over every byte."""

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from genolong.errors import InputError, MissingInputError, UnsafeInputError
from genolong.genome.files.partial_file import naming, sync_path, umask
from genolong.nearest import nearest_path

FORMAT = 1
MANIFEST = "manifest.json"
PICKLED = b"\x80"  # first byte of a pickle outside torch's zip

_SEAL_BYTES = 64
_END, _END_BYTES = b"PK\5\6", 22  # end record of a zip file; its last two bytes are the length of the comment
_STARTS = (  # first bytes of files often mistaken for a checkpoint
    (b"version https://git-lfs", "it is a git-lfs pointer: run git lfs pull"),
    (b"<", "is it HTML? open the address in a browser and download the file itself"),
)


def write_zip(path: Path, parts: Mapping[str, bytes]) -> None:
    """Writes a temporary file, syncs it and renames it to `path`: there is the old file or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with naming(path), os.fdopen(handle, "w+b") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                archive.comment = bytes(_SEAL_BYTES)
                for name, part in parts.items():
                    archive.writestr(name, part)
            seal = _seal(file)
            file.seek(-_SEAL_BYTES, os.SEEK_END)
            file.write(seal)
            file.flush()
            os.fchmod(file.fileno(), 0o666 & ~umask())  # mkstemp lets only the owner read
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_path(path.parent)


def read_zip(path: Path, wanted: tuple[str, ...], if_there: tuple[str, ...] = ()) -> dict[str, bytes]:
    """The `wanted` parts, and those of `if_there` that exist, each checked against its sha256 in the manifest.

    Raises MissingInputError, InputError (truncated, damaged, not our checkpoint) or UnsafeInputError (could run code).
    """
    if not path.is_file():
        raise MissingInputError(
            f"{path}: no such checkpoint; name a run's folder or one of its checkpoints/*.ckpt{nearest_path(path)}"
        )
    try:
        _refuse_broken_seal(path)
        with zipfile.ZipFile(path) as archive:
            refuse_compressed(archive, path)
            manifest = json.loads(archive.read(MANIFEST))
            version, hashes = manifest["format"], dict(manifest["sha256"])
            wanted = (*wanted, *(name for name in if_there if name in hashes))
            parts = {name: archive.read(name) for name in wanted} if version == FORMAT else {}
    except InputError:
        raise
    except KeyError as error:
        raise InputError(f"{path}: not a genolong checkpoint ({error.args[0]})") from error
    except PermissionError as error:
        raise MissingInputError(f"{path}: cannot be read ({error.strerror})") from error
    except Exception as error:  # zipfile raises a dozen kinds of errors for damaged bytes
        raise InputError(f"{path}: not an intact genolong checkpoint ({told(error)}); copy it again") from error
    if version != FORMAT:
        raise InputError(f"{path}: checkpoint format {version}, this version reads {FORMAT}; update genolong")
    for name, part in parts.items():
        if hashlib.sha256(part).hexdigest() != hashes.get(name):
            raise InputError(f"{path}: {name} is damaged (its sha256 is not the one in the manifest); copy it again")
    return parts


def refuse_compressed(archive: zipfile.ZipFile, path: Any) -> None:
    """Raises UnsafeInputError for compressed parts: genolong writes none, and others could exhaust the memory."""
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
        raise UnsafeInputError(f"{path}: has compressed parts, so it was not written by genolong; it was not loaded")


def _seal(file: BinaryIO) -> bytes:
    """The sha256 of all bytes before the seal (the archive's comment), so that every bit of the file is protected."""
    left = file.seek(0, os.SEEK_END) - _SEAL_BYTES
    digest = hashlib.sha256()
    file.seek(0)
    while left > 0 and (piece := file.read(min(left, 1 << 20))):
        digest.update(piece)
        left -= len(piece)
    return digest.hexdigest().encode()


def _refuse_broken_seal(path: Path) -> None:
    """Raises InputError for a file that was changed; older files without a seal are checked by their hashes only."""
    with path.open("rb") as file:
        head = file.read(64)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _END_BYTES - _SEAL_BYTES))
        tail = file.read()
        if tail.startswith(_END) and tail[_END_BYTES - 2 : _END_BYTES] == bytes((_SEAL_BYTES, 0)):
            if _seal(file) != tail[-_SEAL_BYTES:]:
                raise InputError(f"{path}: is damaged (its sha256 is not the one it was sealed with); copy it again")
            return
    if tail[-_END_BYTES:].startswith(_END) and tail.endswith(b"\0\0"):
        return
    if head.startswith(PICKLED):
        raise UnsafeInputError(f"{path}: is a pickle, which could run code; it was not loaded; wanted a run's folder")
    hints = [hint for start, hint in _STARTS if head.startswith(start)] or [
        "it is truncated or something else; copy it again"
    ]
    raise InputError(f"{path}: not an intact genolong checkpoint; {hints[0]}")


def told(error: Exception) -> str:
    """An error of torch or zipfile as one printable line: its text may hold names from an untrusted file."""
    line = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return "".join(letter if letter.isprintable() else "?" for letter in line)
