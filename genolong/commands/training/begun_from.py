"""Starts a training from another model's weights (init_from), if they fit and have not seen held-out bases."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from genolong.commands.reading.stored_model import stored_model
from genolong.commands.reading.trained_before import Earlier, read_before, trained_before
from genolong.commands.reading.trained_run import TrainedRun, run_of
from genolong.commands.training.resuming import gone_on_with
from genolong.errors import SettingsError
from genolong.genome.fasta import Genome
from genolong.genome.regions import first_overlap
from genolong.loading.windows import split
from genolong.runs.folder import CHECKPOINTS, RECORD
from genolong.settings import TrainSettings

SAME = ("width", "layers", "heads", "mlp", "mlp_ratio", "kernel")  # weights need these unchanged; the rest may change


class Begun(NamedTuple):
    """The model that a training starts from: the file or folder of its weights, and their hash `sha256`.

    `weights` is None for a resumed run, which has its own.
    """

    model: str
    sha256: str
    weights: Mapping[str, Tensor] | None
    before: list[dict[str, Any]]
    notes: tuple[str, ...]


def begun_before(settings: TrainSettings, folder: Path) -> Begun | None:
    """What the run resumed in `folder` started from, if init_from= names the same model again; else None.

    That model is not opened: it may have been trained further since, or be gone.
    """
    if settings.init_from is None:
        return None
    record = gone_on_with(settings.resume, folder)
    model, sha256 = record.get("settings", {}).get("init_from"), record.get("init_from_sha256")
    if not isinstance(model, str) or not isinstance(sha256, str):
        return None
    place, named = Path(model), Path(settings.init_from).expanduser().resolve()
    if named not in (place, place.parent.parent if place.parent.name == CHECKPOINTS else place):
        return None
    before = [asdict(each) for each in trained_before(record, folder / RECORD)]
    return Begun(model, sha256, None, before, ())


def begun_from(settings: TrainSettings, genome: Genome) -> Begun | None:
    """The weights that init_from= names; None if it names none.

    Raises SettingsError if the model differs or was trained on bases that are held out now, and whatever opening it
    raises.
    """
    if settings.init_from is None:
        return None
    stored = stored_model(settings.init_from, "init_from")
    run = run_of(stored)
    notes = [f"starts from the weights of {stored.place}, trained on windows of {run.window_bp:,} bases"]
    notes += _another_model(settings, run)
    notes += _leaks(settings, genome, run.trainings)
    if run.variant_head is not None:
        notes.append(f"init_from={settings.init_from}: its variant head is not carried over")
    return Begun(
        str(stored.place.resolve()), run.weights_sha256, run.model.state_dict(),
        [asdict(each) for each in run.trainings], tuple(notes),
    )  # fmt: skip


def _another_model(settings: TrainSettings, run: TrainedRun) -> list[str]:
    """Notes on settings of the model that differ; raises SettingsError if its weights would not fit or make sense."""
    then = run.model.encoder.settings
    pairs = {each.name: (getattr(settings.model, each.name), getattr(then, each.name)) for each in fields(then)}
    for name in SAME:
        now, before = pairs[name]
        if now != before:
            raise SettingsError(
                f"model.{name}={now}: init_from={settings.init_from} has {before}; use the same model (model=)"
            )
    return [
        f"model.{name}={now}, where init_from has {before}" for name, (now, before) in pairs.items() if now != before
    ]


def _leaks(settings: TrainSettings, genome: Genome, trainings: Sequence[Earlier]) -> list[str]:
    """Raises SettingsError if an earlier training read bases that are held out now; notes what cannot be checked."""
    window_bp = settings.context.window_bp
    assert window_bp is not None
    held = split(genome, replace(settings.data, validation_windows=0), window_bp).validation
    read, untold = read_before(trainings, genome)
    if clash := first_overlap(read, held):
        raise SettingsError(
            f"init_from={settings.init_from}: was trained on {clash[0]}, and {clash[1]} is held out here; hold out "
            "what was held out then (data.validation=, data.validation_share=)"
        )
    return [f"init_from {why}" for why in untold]
