"""Reads checkpoints: weights and the settings that build the model, all checked; nothing in them can run code."""

import hashlib
import io
import json
import pickletools
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from genolong.errors import InputError, UnsafeInputError
from genolong.runs.sealed_zip import PICKLED, read_zip, refuse_compressed, told

SETTINGS, WEIGHTS, TRAINING = "settings.json", "weights.pt", "training.pt"
ANSWERS = "answers.pt"
OF_TRAINING = {  # what Lightning resumes from
    "pytorch-lightning_version": str, "loops": dict, "callbacks": dict, "optimizer_states": list, "lr_schedulers": list,
}  # fmt: skip
ZIPPED = b"PK\3\4"
TENSORS = re.compile(r"collections OrderedDict|torch\._utils _rebuild_tensor_v2|torch [A-Z][A-Za-z0-9]*Storage")
NAMING = {"GLOBAL", "STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"}  # pickle operations that name an object
IS_BEST = "is_best"  # in training.pt, callback state: whether this checkpoint's validation is the best so far
VALIDATED = "validated"  # in training.pt: whether the step's validation is done, or was not due


def load_weights(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The settings and the state dict of a checkpoint file.

    Raises MissingInputError, InputError (truncated, damaged, not our checkpoint) or UnsafeInputError (holds code).
    """
    return load_model(path)[:2]


def load_model(path: Path) -> tuple[dict[str, Any], dict[str, Tensor], dict[str, Tensor]]:
    """The same, and the known answers of these weights (empty if they were not stored); raises the same errors."""
    parts = read_zip(path, (SETTINGS, WEIGHTS), (ANSWERS,))
    answers = _tensors(parts[ANSWERS], path, ANSWERS) if ANSWERS in parts else {}
    return _about(parts, path), _tensors(parts[WEIGHTS], path, WEIGHTS), answers


def load_all(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings, and everything that a resumed training needs; raises the same errors as load_weights."""
    parts = read_zip(path, (SETTINGS, WEIGHTS, TRAINING))
    training = _unpacked(parts[TRAINING], path)
    if not isinstance(training, dict) or type(step := training.get("global_step")) is not int or step < 0:
        raise InputError(f"{path}: {TRAINING} does not say its step; wanted a genolong checkpoint")
    for name, kind in OF_TRAINING.items():
        if not isinstance(training.get(name), kind):
            raise InputError(f"{path}: {TRAINING} lacks {name}, so no training can resume from it; use another one")
    return _about(parts, path), {**training, "state_dict": _tensors(parts[WEIGHTS], path, WEIGHTS)}


def check_fits(path: Path, state: Mapping[str, Tensor], model: Mapping[str, Tensor]) -> None:
    """Raises InputError naming the first tensor whose type or shape differs from the model's."""
    for name in (*model, *state):
        found, wanted = (_kind(tensors.get(name)) for tensors in (state, model))
        if found != wanted:
            raise InputError(f"{path}: its weights do not match its settings ({name} is {found}, wanted {wanted})")


def weights_sha256(state: Mapping[str, Tensor]) -> str:
    """One hash over the names, types, shapes and bytes of all tensors, sorted by name."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _about(parts: Mapping[str, bytes], path: Path) -> dict[str, Any]:
    try:
        about = json.loads(parts[SETTINGS])
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: {SETTINGS} is not JSON ({error}); wanted a genolong checkpoint") from error
    if not isinstance(about, dict):
        raise InputError(f"{path}: {SETTINGS} holds no settings; wanted a genolong checkpoint")
    return about


def _tensors(part: bytes, path: Path, name_of_part: str) -> dict[str, Tensor]:
    """Named tensors; each must be stored completely, and be finite."""
    state = _unpacked(part, path)
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(
            f"{path}: {name_of_part} holds something other than named tensors; wanted a genolong checkpoint"
        )
    for name, tensor in state.items():
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():  # an expanded view
            raise InputError(f"{path}: {name} is larger than its data in the file; wanted a genolong checkpoint")
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise InputError(f"{path}: {name} holds numbers that are not finite; use an earlier checkpoint")
    return state


def _kind(tensor: Tensor | None) -> str:
    """A tensor's type and shape, for messages."""
    if tensor is None:
        return "missing"
    return f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}"


def _refuse_other_names(archive: zipfile.ZipFile) -> None:
    """Raises UnpicklingError if a pickle names anything that plain tensors do not need.

    torch's weights-only reading would also call `bytearray(n)`, and create sparse, quantised and meta tensors.
    """
    for record in (name for name in archive.namelist() if name.endswith(".pkl")):
        for operation, argument, _ in pickletools.genops(archive.read(record)):
            names = operation.name in NAMING
            if names and not (operation.name == "GLOBAL" and TENSORS.fullmatch(str(argument))):
                raise UnpicklingError(f"names {argument}")


def _unpacked(part: bytes, path: Any) -> Any:
    try:
        if part.startswith(PICKLED):
            raise UnpicklingError("a bare pickle")
        if not part.startswith(ZIPPED):  # torch would read it in its oldest format, and check little
            raise ValueError("not a torch archive")
        archive = zipfile.ZipFile(io.BytesIO(part))
        refuse_compressed(archive, path)
        _refuse_other_names(archive)
        return torch.load(io.BytesIO(part), map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise UnsafeInputError(
            f"{path}: holds more than tensors and plain values, so it was not written by genolong and could run code; "
            "it was not loaded"
        ) from error
    except InputError:
        raise
    except Exception as error:  # torch may raise anything for bytes that others wrote
        raise InputError(f"{path}: not a genolong checkpoint ({told(error)})") from error
