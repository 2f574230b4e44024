"""Loads a stored model from a run's folder, one of its checkpoint files, or a folder that export wrote."""

from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from genolong.composing import CONF
from genolong.errors import InputError, MissingInputError, SettingsError
from genolong.nearest import nearest_path, nearest_run
from genolong.runs.checkpoint import load_model
from genolong.runs.exported import CONFIG, WEIGHTS, is_exported, read_exported
from genolong.runs.folder import CHECKPOINTS, RECORD


class StoredModel(NamedTuple):
    """The content of a checkpoint file or an exported folder; `place` is its path."""

    place: Path
    about: dict[str, Any]
    weights: dict[str, Tensor]
    answers: dict[str, Tensor]

    @property
    def folder(self) -> Path:
        """The run's folder, or the exported one."""
        if self.place.is_dir():
            return self.place.resolve()
        folder = self.place.resolve().parent
        return folder.parent if folder.name == CHECKPOINTS else folder


def stored_model(path: str, setting: str = "model") -> StoredModel:
    """Loads the model in a run's folder (its newest checkpoint), a checkpoint file or an exported folder.

    Raises MissingInputError if it does not exist, InputError if it is not a run or a checkpoint of this version;
    messages name the setting.
    """
    if "://" in path:
        raise SettingsError(
            f"{setting}={path}: models are not loaded from a web address; download it, and name the folder"
        )
    place = Path(path).expanduser()
    if not place.exists():
        hint = _recipe(place) or f"name a run's folder, like runs/quickstart/latest{nearest_path(place)}"
        raise MissingInputError(f"{setting}={path}: no such run; {hint}")
    if place.name in (WEIGHTS, CONFIG):
        raise InputError(f"{setting}={path}: is part of an exported model; name its folder")
    checkpoint = place / CHECKPOINTS / "last.ckpt" if place.is_dir() else place
    if place.is_dir() and not checkpoint.is_file() and is_exported(place):
        return StoredModel(place, *read_exported(place))
    if not checkpoint.is_file():
        raise InputError(
            f"{setting}={path}: this training has saved no checkpoint yet; run its command again, or name another run"
            if (place / RECORD).is_file()
            else f"{setting}={path}: this folder has no checkpoints/last.ckpt; name a run's folder{nearest_run(place)}"
        )
    checkpoint = checkpoint.resolve()  # a training that goes on will soon let last.ckpt lead to another
    return StoredModel(checkpoint, *load_model(checkpoint))


def _recipe(place: Path) -> str:
    """How to train the newest run of a name, if a recipe of that name exists."""
    name = place.parent.name
    if place.name != "latest" or not (CONF / "experiment" / f"{name}.yaml").is_file():
        return ""
    return f"the recipe of that name trains it first (python -m genolong train experiment={name})"
