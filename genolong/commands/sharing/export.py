"""`export`: writes a run's model into a folder to share, with a model card."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from genolong.commands.reading.file_titles import TITLES
from genolong.commands.reading.stored_model import stored_model
from genolong.commands.reading.trained_before import BEFORE
from genolong.commands.reading.trained_run import UNFINISHED, BuiltFrom, TrainedRun, run_of
from genolong.commands.sharing.export_settings import ExportSettings
from genolong.commands.sharing.model_card import model_card
from genolong.commands.sharing.run_results import RunResults, run_results
from genolong.runs.exported import write_exported
from genolong.runs.whole_folder import whole_folder
from genolong.tasks.known_answers import known_answers

CARD = "README.md"
OF_TRAINER = {"trainer": ("devices",), "parallel": ("sequence",)}  # settings besides those of BuiltFrom
OF_HEAD = ("variant_head", "head_is", "head_vcf_sha256")
OF_DATA = ("regions_sha256", TITLES, "init_from_sha256", BEFORE)


@dataclass(frozen=True)
class Export:
    """Where the exported model is, and notes for the user."""

    folder: Path
    notes: tuple[str, ...]


def export(settings: ExportSettings) -> Export:
    """Writes the folder, complete or not at all; raises InputError or a subclass for anything that a user can fix."""
    stored = stored_model(settings.run, "run")
    with whole_folder(Path(settings.output), "output") as folder:
        run = run_of(stored)
        built = BuiltFrom.of(stored.about["settings"])
        results = run_results(run)
        answers = stored.answers or known_answers(built.model, stored.weights)
        unfinished = {UNFINISHED: run.unfinished_status} if run.unfinished_status else {}
        write_exported(folder, _about(run, built, stored.about) | unfinished, stored.weights, answers)
        (folder / CARD).write_text(model_card(run, built, stored.about["inputs_sha256"], results), encoding="utf-8")
    of_head = run.heads_training.files if run.heads_training else {}
    files = ", ".join(stored.about["inputs_sha256"] | of_head)  # a file that both have read once
    paths = f"config.json and {CARD} name the training's files as they are called here ({files}); edit what is private"
    return Export(Path(settings.output), (*results.notes, *_other_card(run, results), paths))


def _other_card(run: TrainedRun, results: RunResults) -> Iterator[str]:
    """A note if the model was exported before: its card knows more than the new one."""
    card = run.folder / CARD
    if results.record is None and results.figures is None and card.is_file():
        yield f"there is no record of the training in {run.folder}; what {card} says about it is not in the new card"


def _about(run: TrainedRun, built: BuiltFrom, stored: Mapping[str, Any]) -> dict[str, Any]:
    """What is needed to open the model, and nothing else about the machine that it was trained on."""
    plain = stored["settings"]
    settings = asdict(built)
    settings["data"]["cache"] = None
    settings["run"] = {"name": run.name}
    for group, names in OF_TRAINER.items():
        settings[group] = {each: plain[group][each] for each in names if each in plain.get(group, {})}
    about = {"settings": settings, "inputs_sha256": dict(stored["inputs_sha256"])}
    about |= run.heads_training.as_stored(run.name) if run.heads_training else {}
    return about | {each: stored[each] for each in (*OF_HEAD, *OF_DATA) if each in stored}
