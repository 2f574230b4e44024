"""A finished training, opened to be used: its model, and what it was trained on."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from torch import nn

from genolong.errors import InputError, MissingInputError
from genolong.loading.masking import MaskingSettings
from genolong.loading.windows import DataSettings
from genolong.model.encoder import EncoderSettings
from genolong.model.variant_head import VariantHead, VariantHeadSettings
from genolong.runs.checkpoint import check_fits, load_weights, weights_sha256
from genolong.settings import ContextSettings, check
from genolong.tasks.masked_bases import MaskedBases, MaskedBasesSettings

HEAD = "variant_head."  # of the names of its weights


@dataclass(frozen=True)
class BuiltFrom:
    """Of the settings of a training those that its model needs: a run of an earlier version may lack others."""

    seed: int
    data: DataSettings
    model: EncoderSettings
    context: ContextSettings
    task: MaskedBasesSettings

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "BuiltFrom":
        """Raises InputError or KeyError where some of them are missing or wrong."""
        return check({field.name: plain[field.name] for field in fields(cls)}, cls)


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
    place = Path(path).expanduser()
    if not place.exists():
        raise MissingInputError(f"model={path}: no such run; name a run's folder, like runs/quickstart/latest")
    checkpoint = place / "checkpoints" / "last.ckpt" if place.is_dir() else place
    if not checkpoint.is_file():
        raise InputError(f"model={path}: this folder has no checkpoints/last.ckpt; name a run's folder")
    stored, weights = load_weights(checkpoint)
    of_head = {name.removeprefix(HEAD): weights.pop(name) for name in list(weights) if name.startswith(HEAD)}
    try:
        plain, sha256 = stored["settings"], frozenset(stored["inputs_sha256"].values())
        settings, name = BuiltFrom.of(plain), str(plain["run"]["name"])
        replicas = plain["trainer"].get("devices", 1) // plain.get("parallel", {}).get("sequence", 1)
    except (InputError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{checkpoint}: its settings are not those of this version ({error}); open it with the one that wrote it"
        ) from error
    assert settings.context.window_bp is not None, "written out when the run began"
    model = MaskedBases(settings.model, settings.task, None, max_steps=0, seed=settings.seed, checkpoint_blocks=0)
    variant_head = None
    check_fits(checkpoint, weights, model.state_dict())
    model.load_state_dict(weights)
    if of_head:
        variant_head = VariantHead(check(stored["variant_head"], VariantHeadSettings), settings.model.width).eval()
        check_fits(checkpoint, of_head, variant_head.state_dict())
        variant_head.load_state_dict(of_head)
    folder = checkpoint.resolve().parent
    return TrainedRun(
        name, folder.parent if folder.name == "checkpoints" else folder, checkpoint, model.eval(),
        settings.data,
        settings.task.masking, settings.seed, settings.context.window_bp, settings.context.bases * replicas, sha256,
        variant_head, stored.get("head_is", ""),
    )  # fmt: skip
