"""A model to share: weights and known answers as safetensors, and its settings as plain JSON; no pickle."""

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load, save
from torch import Tensor

from genolong.errors import InputError, MissingInputError

KIND, FORMAT = "genolong model", 1
CONFIG, WEIGHTS, ANSWERS = "config.json", "model.safetensors", "known_answers.safetensors"
LARGEST = 1 << 24  # bytes of config.json, at most
ENVELOPE = ("kind", "format", "version", "sha256")  # keys of config.json besides the model's description


class Exported(NamedTuple):
    """A model's settings and training data, its weights, and their known answers."""

    about: dict[str, Any]
    weights: dict[str, Tensor]
    answers: dict[str, Tensor]


def is_exported(folder: Path) -> bool:
    """Whether a folder looks like one written by `export`."""
    return any((folder / name).exists() for name in (CONFIG, WEIGHTS))


def write_exported(
    folder: Path, about: Mapping[str, Any], weights: Mapping[str, Tensor], answers: Mapping[str, Tensor]
) -> None:  # fmt: skip
    """Writes the files into an existing folder; config.json holds the sha256 of the others."""
    parts = {name: save(_plain(tensors)) for name, tensors in ((WEIGHTS, weights), (ANSWERS, answers))}
    hashes = {name: hashlib.sha256(part).hexdigest() for name, part in parts.items()}
    envelope = dict(zip(ENVELOPE, (KIND, FORMAT, version("genolong"), hashes), strict=True))
    config = json.dumps({**envelope, **about}, indent=1, allow_nan=False)
    for name, part in {CONFIG: f"{config}\n".encode(), **parts}.items():
        (folder / name).write_bytes(part)


def read_exported(folder: Path) -> Exported:
    """Reads such a folder; raises MissingInputError or InputError if anything is not as it was written."""
    config = folder / CONFIG
    about = _config(config)
    if about.get("kind") != KIND:
        raise InputError(f"{config}: does not describe a genolong model; wanted a folder that export wrote, or a run's")
    if about.get("format") != FORMAT:
        raise InputError(
            f"{config}: format {str(about.get('format'))[:20]}, this version reads {FORMAT}; update genolong"
        )
    hashes = about.get("sha256")
    if not isinstance(hashes, dict) or set(hashes) != {WEIGHTS, ANSWERS}:
        raise InputError(f"{config}: does not say the sha256 of {WEIGHTS} and {ANSWERS}; copy the folder again")
    weights, answers = (_tensors(folder / name, hashes[name]) for name in (WEIGHTS, ANSWERS))
    if not answers:
        raise InputError(f"{folder / ANSWERS}: holds nothing; copy the folder again")
    return Exported({name: value for name, value in about.items() if name not in ENVELOPE}, weights, answers)


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU, each with its own memory."""
    return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}


def _config(path: Path) -> dict[str, Any]:
    text = _bytes(path, LARGEST)
    try:
        about = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not JSON ({str(error)[:80]}); copy the folder again") from error
    if not isinstance(about, dict):
        raise InputError(f"{path}: holds no named settings; wanted a folder that export wrote")
    return about


def _tensors(path: Path, sha256: Any) -> dict[str, Tensor]:
    """The tensors of a file that has this hash; all values must be finite."""
    part = _bytes(path)
    if hashlib.sha256(part).hexdigest() != sha256:
        raise InputError(f"{path}: is damaged (its sha256 is not the one in {CONFIG}); copy the folder again")
    try:
        tensors = load(part)
        finite = {name: bool(torch.isfinite(tensor).all()) for name, tensor in tensors.items()}
    except Exception as error:  # safetensors and torch may raise anything for bytes that others wrote
        told = "".join(letter if letter.isprintable() else "?" for letter in str(error)[:200])
        raise InputError(f"{path}: cannot be read as safetensors ({told}); copy the folder again") from error
    wrong = next((name for name, whole in finite.items() if not whole), None)
    if wrong is not None:
        raise InputError(f"{path}: {wrong} holds numbers that are not finite; export the run again")
    return tensors


def _bytes(path: Path, most: int | None = None) -> bytes:
    if not path.is_file():
        raise MissingInputError(f"{path}: is missing; copy the whole folder that export wrote")
    try:
        with path.open("rb") as file:
            found = file.read() if most is None else file.read(most + 1)
    except OSError as error:
        raise MissingInputError(f"{path}: cannot be read ({error.strerror})") from error
    if most is not None and len(found) > most:
        raise InputError(f"{path}: holds more than {most:,} bytes; wanted what export wrote")
    return found
