"""Weights and the settings that built them: checked, written whole or not at all, nothing in them that runs."""

import hashlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, BinaryIO

import torch
from pytorch_lightning.plugins.io import CheckpointIO
from torch import Tensor

from genolong.errors import InputError, MissingInputError, UnsafeInputError
from genolong.genome.partial_file import umask
from genolong.nearest import nearest_path

FORMAT = 1
MANIFEST, SETTINGS, WEIGHTS, TRAINING = "manifest.json", "settings.json", "weights.pt", "training.pt"
ANSWERS = "answers.pt"
OF_TRAINING = {  # what Lightning goes on from
    "pytorch-lightning_version": str, "loops": dict, "callbacks": dict, "optimizer_states": list, "lr_schedulers": list,
}  # fmt: skip
VALIDATED = "validated"  # in training.pt: whether the step's validation is done, or was not due
PICKLED = b"\x80"  # how a pickle begins that is not inside torch's zip

Answers = Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]

_SEAL_BYTES = 64
_END, _END_BYTES = b"PK\5\6", 22  # of a zip file, with the length of its comment last
_STARTS = (  # how files begin that people take for a checkpoint
    (b"version https://git-lfs", "it is a git-lfs pointer: run git lfs pull"),
    (b"<", "is it HTML? open the address in a browser and download the file itself"),
)


class RunCheckpointIO(CheckpointIO):
    """Lightning's checkpoints as zip files of parts, each with its sha256 in the manifest.

    weights.pt holds the state dict, training.pt what a resumed training needs, settings.json how to build the model,
    answers.pt what these weights make of a few known bases: `answers` is asked for it.
    """

    def __init__(self, settings: Mapping[str, Any], answers: Answers | None = None) -> None:
        self.settings, self.answers = settings, answers

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        rest = {name: value for name, value in checkpoint.items() if name != "state_dict"}
        parts = {
            SETTINGS: json.dumps(self.settings, indent=1).encode(),
            WEIGHTS: _packed(checkpoint["state_dict"]),
            TRAINING: _packed(rest),
        }
        if self.answers is not None:
            parts[ANSWERS] = _packed(dict(self.answers(checkpoint["state_dict"])))
        hashes = {name: hashlib.sha256(part).hexdigest() for name, part in parts.items()}
        manifest = {"format": FORMAT, "step": checkpoint["global_step"], "sha256": hashes}
        write_zip(Path(path), {MANIFEST: json.dumps(manifest, indent=1).encode(), **parts})

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        return load_all(Path(path))[1]

    def remove_checkpoint(self, path: Any) -> None:
        Path(path).unlink(missing_ok=True)


def load_weights(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The settings and the state dict of a checkpoint file.

    Raises MissingInputError, InputError (cut off, damaged, no checkpoint of ours) or UnsafeInputError (holds code).
    """
    return load_model(path)[:2]


def load_model(path: Path) -> tuple[dict[str, Any], dict[str, Tensor], dict[str, Tensor]]:
    """The same, and what these weights made of a few known bases (empty where that was not kept); raises the same."""
    parts = _read(path, (SETTINGS, WEIGHTS), (ANSWERS,))
    answers = _tensors(parts[ANSWERS], path, ANSWERS) if ANSWERS in parts else {}
    return _about(parts, path), _tensors(parts[WEIGHTS], path, WEIGHTS), answers


def load_all(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings, and all that a resumed training needs; raises as load_weights does."""
    parts = _read(path, (SETTINGS, WEIGHTS, TRAINING))
    training = _unpacked(parts[TRAINING], path)
    if not isinstance(training, dict) or not isinstance(training.get("global_step"), int):
        raise InputError(f"{path}: {TRAINING} does not say its step; wanted a checkpoint of genolong")
    for name, kind in OF_TRAINING.items():
        if not isinstance(training.get(name), kind):
            raise InputError(f"{path}: {TRAINING} lacks {name}, so no training can go on from it; take another one")
    return _about(parts, path), {**training, "state_dict": _tensors(parts[WEIGHTS], path, WEIGHTS)}


def check_fits(path: Path, state: Mapping[str, Tensor], model: Mapping[str, Tensor]) -> None:
    """Raises InputError naming the first tensor that is not as the model's of that name."""
    for name in (*model, *state):
        found, wanted = (_kind(tensors.get(name)) for tensors in (state, model))
        if found != wanted:
            raise InputError(f"{path}: its weights are not those of its settings ({name} is {found}, wanted {wanted})")


def weights_sha256(state: Mapping[str, Tensor]) -> str:
    """One hash over the names, types, shapes and bytes of all tensors, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def write_zip(path: Path, parts: Mapping[str, bytes]) -> None:
    """Beside its place, synced, then renamed: there is the old file or the new one, never a part of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w+b") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                archive.comment = bytes(_SEAL_BYTES)
                for name, part in parts.items():
                    archive.writestr(name, part)
            seal = _seal(file)
            file.seek(-_SEAL_BYTES, os.SEEK_END)
            file.write(seal)
            file.flush()
            os.fchmod(file.fileno(), 0o666 & ~umask())  # mkstemp's files are for their owner only
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:  # a full disk names no file
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _about(parts: Mapping[str, bytes], path: Path) -> dict[str, Any]:
    try:
        about = json.loads(parts[SETTINGS])
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: {SETTINGS} is not JSON ({error}); wanted a checkpoint of genolong") from error
    if not isinstance(about, dict):
        raise InputError(f"{path}: {SETTINGS} holds no settings; wanted a checkpoint of genolong")
    return about


def _tensors(part: bytes, path: Path, name_of_part: str) -> dict[str, Tensor]:
    """Named tensors; each of them lies in the file whole, and is finite."""
    state = _unpacked(part, path)
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(
            f"{path}: {name_of_part} holds something else than named tensors; wanted a checkpoint of genolong"
        )
    for name, tensor in state.items():
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():  # repeats what is stored once
            raise InputError(
                f"{path}: {name} is larger than what the file holds of it; wanted a checkpoint of genolong"
            )
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise InputError(f"{path}: {name} holds numbers that are not finite; take an earlier checkpoint")
    return state


def _kind(tensor: Tensor | None) -> str:
    """A tensor's type and shape, as people may be told them."""
    if tensor is None:
        return "missing"
    return f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}"


def _packed(value: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def _seal(file: BinaryIO) -> bytes:
    """The sha256 of all bytes before the seal, which is the archive's comment: so that no bit is without a guard."""
    left = file.seek(0, os.SEEK_END) - _SEAL_BYTES
    digest = hashlib.sha256()
    file.seek(0)
    while left > 0 and (piece := file.read(min(left, 1 << 20))):
        digest.update(piece)
        left -= len(piece)
    return digest.hexdigest().encode()


def _refuse_broken_seal(path: Path) -> None:
    """Raises InputError for a file that is not as it was written; one without a seal (older) is left to its hashes."""
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
        "it is cut or something else; copy it again"
    ]
    raise InputError(f"{path}: not a whole checkpoint of genolong; {hints[0]}")


def _told(error: Exception) -> str:
    """One line of an error of torch or zipfile, whose text may hold names that a stranger chose."""
    line = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return "".join(letter if letter.isprintable() else "?" for letter in line)


def _unpacked(part: bytes, path: Any) -> Any:
    try:
        if part.startswith(PICKLED):
            raise UnpicklingError("a bare pickle")
        _refuse_compressed(zipfile.ZipFile(io.BytesIO(part)), path)
        return torch.load(io.BytesIO(part), map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise UnsafeInputError(
            f"{path}: holds more than tensors and plain values, so it was not written by genolong and could run code; "
            "it was not loaded"
        ) from error
    except InputError:
        raise
    except Exception as error:  # whatever torch says of bytes that somebody else wrote
        raise InputError(f"{path}: not a checkpoint of genolong ({_told(error)})") from error


def _refuse_compressed(archive: zipfile.ZipFile, path: Any) -> None:
    """Parts are stored as they are: what is compressed was written by somebody else, and could fill the memory."""
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
        raise UnsafeInputError(f"{path}: has compressed parts, so it was not written by genolong; it was not loaded")


def _read(path: Path, wanted: tuple[str, ...], if_there: tuple[str, ...] = ()) -> dict[str, bytes]:
    if not path.is_file():
        raise MissingInputError(
            f"{path}: no such checkpoint; name a run's folder or one of its checkpoints/*.ckpt{nearest_path(path)}"
        )
    try:
        _refuse_broken_seal(path)
        with zipfile.ZipFile(path) as archive:
            _refuse_compressed(archive, path)
            manifest = json.loads(archive.read(MANIFEST))
            version, hashes = manifest["format"], dict(manifest["sha256"])
            wanted = (*wanted, *(name for name in if_there if name in hashes))
            parts = {name: archive.read(name) for name in wanted} if version == FORMAT else {}
    except InputError:
        raise
    except KeyError as error:
        raise InputError(f"{path}: not a checkpoint of genolong ({error.args[0]})") from error
    except PermissionError as error:
        raise MissingInputError(f"{path}: cannot be read ({error.strerror})") from error
    except Exception as error:  # zipfile raises a dozen kinds for bytes that are not as they were
        raise InputError(f"{path}: not a whole checkpoint of genolong ({_told(error)}); copy it again") from error
    if version != FORMAT:
        raise InputError(f"{path}: checkpoint format {version}, this version reads {FORMAT}; update genolong")
    for name, part in parts.items():
        if hashlib.sha256(part).hexdigest() != hashes.get(name):
            raise InputError(f"{path}: {name} is damaged (its sha256 is not the one in the manifest); copy it again")
    return parts
