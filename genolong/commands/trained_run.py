"""A finished training, opened to be used: its model, and what it was trained on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genolong.commands.train import bases_per_step
from genolong.errors import InputError, MissingInputError, SettingsError, UnsafeInputError
from genolong.loading.masking import MaskingSettings
from genolong.loading.windows import DataSettings
from genolong.model.variant_head import VariantHead, VariantHeadSettings
from genolong.runs.checkpoint import load_weights, weights_sha256
from genolong.settings import TrainSettings, check
from genolong.tasks.masked_bases import MaskedBases

HEAD = "variant_head."  # of the names of its weights


@dataclass(frozen=True, eq=False)
class TrainedRun:
    """The model is called with codes (batch, length) and gives logits (batch, length, 4).

    `sha256` are the hashes of the FASTA files it was trained on. Where a variant head was trained, too, `head_is` says
    what its probabilities are of.
    """

    name: str
    folder: Path
    checkpoint: Path
    model: nn.Module
    data: DataSettings
    masking: MaskingSettings
    seed: int
    window_bp: int
    bases_per_step: int
    sha256: frozenset[str]
    variant_head: VariantHead | None = None
    head_is: str = ""

    @property
    def weights_sha256(self) -> str:
        """One hash of all weights."""
        head = {} if self.variant_head is None else self.variant_head.state_dict(prefix=HEAD)
        return weights_sha256({**self.model.state_dict(), **head})


def open_run(path: str) -> TrainedRun:
    """A run's folder (its newest checkpoint is taken) or one of its checkpoint files.

    Raises MissingInputError for what is not there, InputError for what is no run or no checkpoint of this version.
    """
    if "://" in path:
        raise SettingsError(f"model={path}: nothing is loaded from an address; download it, and name the folder")
    place = Path(path).expanduser()
    if not place.exists():
        raise MissingInputError(f"model={path}: no such run; name a run's folder, like runs/quickstart/latest")
    checkpoint = place / "checkpoints" / "last.ckpt" if place.is_dir() else place
    if not checkpoint.is_file():
        raise InputError(f"model={path}: this folder has no checkpoints/last.ckpt; name a run's folder")
    stored, weights = load_weights(checkpoint)
    of_head = {name.removeprefix(HEAD): weights.pop(name) for name in list(weights) if name.startswith(HEAD)}
    settings, sha256 = _stored(stored, checkpoint)
    window_bp, variant_head = settings.context.window_bp, None
    assert window_bp is not None, "see _stored"
    _refuse_outsize(settings, weights, checkpoint)

    def model_of_settings() -> MaskedBases:
        return MaskedBases(
            settings.model, settings.task, settings.optimizer, max_steps=settings.trainer.max_steps,
            seed=settings.seed, checkpoint_blocks=0,
        )  # fmt: skip

    _refuse_other_weights(model_of_settings, weights, checkpoint)
    model = model_of_settings()
    model.load_state_dict(weights)
    if of_head:
        try:
            head = check(stored.get("variant_head"), VariantHeadSettings)
        except InputError as error:
            raise type(error)(f"{checkpoint}: the settings of its variant head: {error}") from error
        _refuse_other_weights(lambda: VariantHead(head, settings.model.width), of_head, checkpoint)
        variant_head = VariantHead(head, settings.model.width).eval()
        variant_head.load_state_dict(of_head)
    folder = checkpoint.resolve().parent
    return TrainedRun(
        settings.run.name, folder.parent if folder.name == "checkpoints" else folder, checkpoint, model.eval(),
        settings.data,
        settings.task.masking, settings.seed, window_bp, bases_per_step(settings), sha256,
        variant_head, str(stored.get("head_is", "")),
    )  # fmt: skip


def _stored(stored: Any, checkpoint: Path) -> tuple[TrainSettings, frozenset[str]]:
    """The settings of a training and the hashes of its FASTA files, as they stand in a checkpoint."""
    try:
        settings, hashes = check(stored["settings"], TrainSettings), stored["inputs_sha256"].values()
        if settings.context.window_bp is None or not all(isinstance(each, str) for each in hashes):
            raise KeyError("context.window_bp or inputs_sha256")
        return settings, frozenset(hashes)
    except UnsafeInputError as error:
        raise UnsafeInputError(f"{checkpoint}: its settings: {error}") from error
    except (InputError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{checkpoint}: its settings are not those of this version ({error}); open it with the one that wrote it"
        ) from error


def _refuse_outsize(settings: TrainSettings, weights: Mapping[str, Tensor], checkpoint: Path) -> None:
    """Before any model is made of them: settings that want more layers, or wider ones, than there are weights for."""
    widest = max((max(tensor.shape, default=1) for tensor in weights.values()), default=0)
    if settings.model.layers > len(weights) or settings.model.width > widest:
        raise _other_weights(checkpoint, f"{settings.model.layers} layers of width {settings.model.width}")


def _refuse_other_weights(made: Callable[[], nn.Module], weights: Mapping[str, Tensor], checkpoint: Path) -> None:
    """Compares names, shapes and types with those of a model that takes no memory; and every number is finite."""
    with torch.device("meta"):
        wanted = made().state_dict()
    for name in [*wanted, *weights]:
        if name not in wanted or name not in weights:
            raise _other_weights(checkpoint, f"{name} is {'missing' if name in wanted else 'not known'}")
        found, expected = weights[name], wanted[name]
        if (found.shape, found.dtype, found.layout) != (expected.shape, expected.dtype, expected.layout):
            raise _other_weights(
                checkpoint,
                f"{name} is {found.dtype} {tuple(found.shape)}, wanted {expected.dtype} {tuple(expected.shape)}",
            )
        if not found.isfinite().all():
            raise InputError(f"{checkpoint}: {name} holds numbers that are not finite; take an earlier checkpoint")


def _other_weights(checkpoint: Path, found: str) -> InputError:
    return InputError(f"{checkpoint}: its weights are not those of its settings ({found}); copy the run again")
