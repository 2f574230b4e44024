"""`reproduce`: repeats a training, prediction or evaluation from its record, and compares the results."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from genolong.commands.embeddings.embed import embed
from genolong.commands.embeddings.embed_settings import EmbedSettings
from genolong.commands.evaluation.evaluate import evaluate
from genolong.commands.evaluation.evaluate_variants import evaluate_variants
from genolong.commands.evaluation.evaluation_settings import EvaluationSettings
from genolong.commands.maps.map import map_regions
from genolong.commands.maps.map_settings import MapSettings
from genolong.commands.repeating.compared_results import Result, compare_files, compare_trainings
from genolong.commands.repeating.recorded_settings import recorded_settings
from genolong.commands.repeating.reproduce_settings import ReproduceSettings
from genolong.commands.repeating.same_inputs import check_inputs, check_model, check_titles
from genolong.commands.training.legs import Leg, causes, legs, other_attention
from genolong.commands.training.train import train
from genolong.commands.training.train_variants import train_variants
from genolong.commands.training.variant_training_settings import VariantTrainSettings
from genolong.commands.variants.predict import predict
from genolong.commands.variants.predict_progress import Watch
from genolong.commands.variants.predict_settings import PredictSettings
from genolong.errors import InputError
from genolong.parallel.place import Place
from genolong.parallel.stopped import Left
from genolong.runs.differences import differences
from genolong.runs.folder import CHECKPOINTS, RECORD
from genolong.runs.record import beside, maker, read_record, surroundings, write_json
from genolong.settings import TrainSettings

logger = logging.getLogger(__name__)

SCHEMAS = {
    "train": TrainSettings, "train_variants": VariantTrainSettings, "predict": PredictSettings,
    "evaluate": EvaluationSettings, "embed": EmbedSettings, "map": MapSettings,
}  # fmt: skip
MODELS = {  # the setting that names the model
    "train": "init_from", "train_variants": "init_from", "predict": "model", "evaluate": "model", "embed": "model",
    "map": "model",
}  # fmt: skip
TRAININGS: dict[str, Callable[..., object]] = {"train": train, "train_variants": train_variants}


@dataclass(frozen=True)
class Reproduction:
    """Whether the result is the same, how it compares, and what differs here and could explain a difference."""

    same: bool
    verdict: str
    differences: tuple[str, ...]

    @property
    def explained(self) -> bool:
        """Whether the result is the same, or something that could matter differs here."""
        return self.same or bool(self.differences)


def reproduce(settings: ReproduceSettings, folder: Path, watch: Watch | None = None) -> Reproduction | None:
    """Repeats the result of a record in `folder`, and writes reproduction.json there.

    If there are several processes, all but the first return None. Raises MissingInputError or InputError if an input or
    the model has changed, SettingsError or UnsafeInputError if the record's settings cannot be accepted.
    """
    path = settings.record
    record = read_record(path)
    made_by = _made_by(record, path)
    asked, notes = recorded_settings(record, made_by, SCHEMAS[made_by], settings, folder)
    way = legs(record, path) if made_by in TRAININGS else []
    went = [recorded_settings(leg.of(record), made_by, SCHEMAS[made_by], settings, folder)[0] for leg in way]
    check_inputs(record, settings)
    check_titles(record, settings)
    check_model(record, getattr(asked, MODELS[made_by]))
    other = tuple(differences(record, surroundings()))
    place = Place.joined()
    first = place is None or place.rank == 0
    parts = map(str, way) if len(way) > 1 else ()
    for line in (*notes, *parts, *(f"different here: {line}" for line in other)) if first else ():
        logger.info(line)
    folder.mkdir(parents=True, exist_ok=True)
    if way:
        _trained(TRAININGS[made_by], way, went, folder)
    else:
        _MAKERS[made_by](asked, folder, watch)
    if not first:
        return None
    if made_by in TRAININGS:
        now = read_record(folder / RECORD)
        result = compare_trainings(path.parent, record, folder, now)
    else:
        output = asked.vcf if made_by == "map" else Path(asked.output)
        now = read_record(beside(output))
        result = compare_files(path.parent, record, output)
    other = (*causes(record), *other_attention(record, now), *other, *_other_names(record, now, made_by))
    done = _judged(result, other)
    content = {"of": str(path), "same": done.same, "verdict": done.verdict, "differences": list(other)}
    write_json(folder / "reproduction.json", content)
    return done


def _made_by(record: Mapping[str, Any], path: Path) -> str:
    """The command that made the result; raises InputError if its results cannot be repeated."""
    made_by = maker(record)
    if made_by not in SCHEMAS:
        raise InputError(f"{path}: made by {made_by[:40]!r}; wanted {', '.join(SCHEMAS)}")
    if record.get("status") != "finished":
        raise InputError(f"{path}: this run did not finish, so there is nothing to compare with; finish it first")
    return made_by


def _other_names(then: Mapping[str, Any], now: Mapping[str, Any], made_by: str) -> Iterator[str]:
    """A line if files have other names than they had, and the output states them."""
    if made_by not in ("predict", "map", "embed"):
        return
    before, here = (", ".join(_names(record, record["settings"][MODELS[made_by]])) for record in (then, now))
    if before != here:
        yield f"files were called {before} then, {here} here; the output states names of its genome and model"


def _names(record: Mapping[str, Any], model: str) -> Iterator[str]:
    """The names of the input files, and of the run's or exported model's folder."""
    yield from (Path(path).name for path in record["inputs_sha256"])
    yield (Path(model).parent.parent if Path(model).parent.name == CHECKPOINTS else Path(model)).name


def _judged(result: Result, other: tuple[str, ...]) -> Reproduction:
    """The verdict, with the likeliest cause of a difference."""
    if result.same:
        return Reproduction(True, result.line, other)
    if result.cause:
        return Reproduction(False, f"not the same: {result.line}; {result.cause}", ())
    cause = f"the likeliest cause: {other[0]}" if other else "nothing that is known to matter is different here"
    return Reproduction(False, f"not the same: {result.line}; {cause}", other)


def _trained(train: Callable[..., object], way: Sequence[Leg], went: Sequence[Any], folder: Path) -> None:
    """Repeats a training leg by leg; each resumes where the one before ended."""
    for at, (leg, asked) in enumerate(zip(way, went, strict=True)):
        with suppress(Left):
            train(replace(asked, resume="auto") if at else asked, folder, leg.end)


def _evaluate(asked: EvaluationSettings) -> object:
    return evaluate(asked) if asked.vcf is None else evaluate_variants(asked)


_MAKERS: dict[str, Callable[[Any, Path, Watch | None], object]] = {  # commands whose results are files
    "predict": lambda asked, _, watch: predict(asked, watch),
    "evaluate": lambda asked, _, __: _evaluate(asked),
    "embed": lambda asked, _, __: embed(asked),
    "map": lambda asked, _, __: map_regions(asked),
}
