"""Opens a finished training for use: its model, and what it was trained on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from genolong.commands.reading.file_titles import TITLES
from genolong.commands.reading.heads_training import HeadsTraining
from genolong.commands.reading.stored_model import StoredModel, stored_model
from genolong.commands.reading.trained_before import Earlier, trained_before
from genolong.counted import counted
from genolong.errors import InputError, UnsafeInputError
from genolong.loading.masking import MaskingSettings
from genolong.loading.windows import DataSettings
from genolong.model.encoder_settings import EncoderSettings
from genolong.model.masked_base_model import MaskedBaseModel
from genolong.model.unfilled import unfilled
from genolong.model.variant_head import VariantHead, VariantHeadSettings
from genolong.runs.begun_record import begun_record
from genolong.runs.checkpoint import check_fits, weights_sha256
from genolong.runs.folder import CHECKPOINTS, called
from genolong.runs.record import replicas
from genolong.settings import ContextSettings, check, refuse_active
from genolong.tasks.known_answers import TOLERATED, KnownAnswers, moved
from genolong.tasks.masked_bases_settings import MaskedBasesSettings

Module = TypeVar("Module", bound=nn.Module)

HEAD = "variant_head."  # prefix of the names of its weights
UNFINISHED = "unfinished"  # exported models: what the record said of a training that had not finished
LONGEST = 80  # characters of that which are shown


@dataclass(frozen=True)
class BuiltFrom:
    """The settings of a training that its model needs; other settings may be missing in runs of earlier versions."""

    seed: int
    data: DataSettings
    model: EncoderSettings
    context: ContextSettings
    task: MaskedBasesSettings

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "BuiltFrom":
        """Raises InputError or KeyError if some of them are missing or wrong."""
        return check({field.name: plain[field.name] for field in fields(cls)}, cls)


@dataclass(frozen=True, eq=False)
class TrainedRun:
    """A trained model and its data; the model maps codes (batch, length) to logits (batch, length, 4).

    `name` is what people call the run, or the model exported from it. `checkpoint` is the file that it was read from,
    or the exported folder. `sha256` holds the hashes of the FASTA files it was trained on, `titles` their names by hash
    if they are part of contigs' names. With a variant head, `head_is` says what its probabilities mean, and
    `head_vcf_sha256` is the hash of the VCF that it was trained on (empty if unknown). `known` holds the known answers
    from training, `trainings` says what the weights learned from, the last training first. `exported_status` is what an
    exported model says of a training that had not finished, `heads_training` what a variant head was trained on, and
    `about` everything that is stored with the weights.
    """

    name: str
    folder: Path
    checkpoint: Path
    model: MaskedBaseModel
    data: DataSettings
    masking: MaskingSettings
    seed: int
    window_bp: int
    bases_per_step: int
    checkpoint_blocks: int
    sha256: frozenset[str]
    variant_head: VariantHead | None = None
    head_is: str = ""
    head_vcf_sha256: str = ""
    known: KnownAnswers | None = None
    trainings: tuple[Earlier, ...] = ()
    titles: Mapping[str, str] = field(default_factory=dict)
    exported_status: str = ""
    heads_training: HeadsTraining | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    def caveats(self, device: torch.device) -> tuple[str, ...]:
        """What a user of its answers on `device` should know: an unfinished training, and answers that differ there."""
        return (*self.unfinished, *self.moved_on(device))

    @property
    def unfinished(self) -> tuple[str, ...]:
        """A note if the training has not finished."""
        if not (status := self.unfinished_status):
            return ()
        return (
            f"{self.folder}: the training of this model has not finished (its record says: {status}); a finished one "
            "may answer better",
        )

    @cached_property
    def unfinished_status(self) -> str:
        """What the run's record says of a training that has not finished; empty if it has, or if it is unknown."""
        if self.checkpoint.is_dir():
            return self.exported_status
        if self.checkpoint.parent.name != CHECKPOINTS:
            return ""
        try:
            record = begun_record(self.folder)
        except InputError:  # the model can be used without a record
            return ""
        if record.get("status", "finished") == "finished":
            return ""
        steps = f" after {counted(record['steps'], 'step')}" if isinstance(record.get("steps"), int) else ""
        return f"{record['status']}{steps}"

    def moved_on(self, device: torch.device) -> tuple[str, ...]:
        """A note if the model, which is on `device`, computes other known answers there than it did in training."""
        if self.known is None:
            return ()
        by = moved(self.known, self.model.encoder, self.model.head, device)
        if by <= TOLERATED:
            return ()
        what = "bfloat16 on this device" if self.model.encoder.mixed else "this device"
        return (
            f"{what} ({device}) changes the model's answers to {self.known.codes.numel():,} known bases by up to "
            f"{by:.2g} nats (rounding alone: less than {TOLERATED:g}); its scores will differ from those elsewhere",
        )

    @property
    def before(self) -> tuple[Earlier, ...]:
        """The trainings before the last one."""
        return self.trainings[1:]

    @property
    def own_fasta(self) -> tuple[list[str], frozenset[str]]:
        """The FASTA files in which variants and regions are read unless others are named, and their sha256."""
        fasta = self.heads_training.fasta if self.heads_training else {}
        return ([*fasta], frozenset(fasta.values())) if fasta else (self.data.paths, self.sha256)

    @property
    def title(self) -> str:
        """What pictures and pages call the model."""
        return self.name if self.variant_head is None else f"{self.name} with a trained head"

    @cached_property
    def weights_sha256(self) -> str:
        """One hash of all weights, as they were loaded."""
        head = {} if self.variant_head is None else self.variant_head.state_dict(prefix=HEAD)
        return weights_sha256({**self.model.state_dict(), **head})


def open_run(path: str, setting: str = "model") -> TrainedRun:
    """Opens a run's folder (its newest checkpoint), one of its checkpoint files, or a folder that export wrote.

    Raises MissingInputError if it does not exist, InputError if it is not a run or a checkpoint of this version;
    messages name the setting.
    """
    return run_of(stored_model(path, setting))


def run_of(model: StoredModel) -> TrainedRun:
    """Builds the model from what is stored; raises InputError if its parts do not belong together."""
    checkpoint, stored, weights = model.place, model.about, dict(model.weights)
    of_head = {name.removeprefix(HEAD): weights.pop(name) for name in list(weights) if name.startswith(HEAD)}
    settings, of_run = _stored(stored, checkpoint)
    _refuse_outsize(settings.model, weights, checkpoint)

    made_model = _filled(lambda: MaskedBaseModel(settings.model), weights, checkpoint)
    variant_head = None
    if of_head:
        try:
            head = check(stored.get("variant_head"), VariantHeadSettings)
        except InputError as error:
            raise type(error)(f"{checkpoint}: the settings of its variant head: {error}") from error
        variant_head = _filled(lambda: VariantHead(head, settings.model.width), of_head, checkpoint)
    return TrainedRun(
        _name(of_run.name, model), model.folder, checkpoint, made_model, settings.data, settings.task.masking,
        settings.seed, of_run.window_bp, settings.context.bases * of_run.replicas, settings.context.checkpoint_blocks,
        of_run.sha256, variant_head, str(stored.get("head_is", "")), str(stored.get("head_vcf_sha256", "")),
        _known(model.answers, checkpoint), (of_run.training, *trained_before(stored, checkpoint)), of_run.titles,
        _plain(stored.get(UNFINISHED, "")), of_run.head, stored,
    )  # fmt: skip


def _name(stored: str, model: StoredModel) -> str:
    return called(stored, model.folder) if model.place.parent.name == CHECKPOINTS else stored


def _plain(status: Any) -> str:
    """Text from a file, on one line."""
    return "".join(letter if letter.isprintable() else " " for letter in str(status)[:LONGEST])


def _known(answers: Mapping[str, Tensor], checkpoint: Path) -> KnownAnswers | None:
    try:
        return KnownAnswers.of(answers)
    except ValueError as error:
        raise InputError(
            f"{checkpoint}: its model's answers to known bases are damaged ({error}); copy it again"
        ) from error


class _OfRun(NamedTuple):
    """What else a checkpoint says about its training."""

    name: str
    window_bp: int
    replicas: int
    sha256: frozenset[str]
    training: Earlier
    titles: Mapping[str, str]
    head: HeadsTraining | None


def _stored(stored: Any, checkpoint: Path) -> tuple[BuiltFrom, _OfRun]:
    """The settings that the model is built from, and what it was trained on, from a checkpoint."""
    try:
        plain, inputs = stored["settings"], dict(stored["inputs_sha256"])
        hashes, titles = inputs.values(), stored.get(TITLES, ())
        refuse_active(plain)  # including settings that are not needed here
        settings, window_bp = BuiltFrom.of(plain), plain["context"]["window_bp"]
        if window_bp is None or not all(isinstance(each, str) for each in hashes):
            raise KeyError("context.window_bp or inputs_sha256")
        training = Earlier(
            replace(settings.data, cache=None), window_bp, inputs, dict(stored.get("regions_sha256", {}))
        )  # fmt: skip
        named = dict(zip(hashes, map(str, titles), strict=True)) if titles else {}
        head = HeadsTraining.of(stored)
        name = head.name if head else str(plain["run"]["name"])
        return settings, _OfRun(name, window_bp, replicas(plain), frozenset(hashes), training, named, head)
    except UnsafeInputError as error:
        raise UnsafeInputError(f"{checkpoint}: its settings: {error}") from error
    except (InputError, KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise InputError(
            f"{checkpoint}: its settings do not match this version ({error}); open it with the version that wrote it"
        ) from error


def _refuse_outsize(asked: EncoderSettings, weights: Mapping[str, Tensor], checkpoint: Path) -> None:
    """Refuses settings with more or wider layers than there are weights, before a model is built from them."""
    widest = max((max(tensor.shape, default=1) for tensor in weights.values()), default=0)
    if asked.layers > len(weights) or asked.width > widest:
        raise InputError(
            f"{checkpoint}: its weights do not match its settings ({asked.layers} layers of width {asked.width}); "
            "copy the run again"
        )


def _filled(made: Callable[[], Module], weights: Mapping[str, Tensor], checkpoint: Path) -> Module:
    """A module with these weights, in eval mode; their shapes are compared before memory is used."""
    with unfilled():
        module = made()
    check_fits(checkpoint, weights, module.state_dict())
    own = {name: weight.clone(memory_format=torch.contiguous_format) for name, weight in weights.items()}
    module.load_state_dict(own, assign=True)
    return module.eval()
