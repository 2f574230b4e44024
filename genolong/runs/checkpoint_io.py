"""Writes checkpoints for Lightning, and reads them back: a sealed zip file with weights, settings and known answers."""

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import CheckpointIO
from torch import Tensor

from genolong.runs.checkpoint import ANSWERS, SETTINGS, TRAINING, WEIGHTS, load_all
from genolong.runs.sealed_zip import FORMAT, MANIFEST, write_zip

Answers = Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]


class RunCheckpointIO(CheckpointIO):
    """Stores Lightning's checkpoints as zip files of parts, each with its sha256 in the manifest.

    weights.pt holds the state dict, training.pt what a resumed training needs, settings.json how to build the model,
    and answers.pt the known answers of these weights, computed by `answers`.
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


def _packed(value: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()
