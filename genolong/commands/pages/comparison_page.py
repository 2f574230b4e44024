"""The page of all trainings in a folder, as a sweep leaves them: which went best, and what was different about it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from genolong.commands.pages.compared_runs import compared_runs
from genolong.counted import counted
from genolong.quoted import command_on
from genolong.report import record_sections as told
from genolong.report.html import Markup, joined
from genolong.report.page import Section, command, note, page, paragraph, pictures, table, tiles, warning
from genolong.report.side_by_side import (
    Trained,
    caveats,
    differing,
    loss_pictures,
    ranked,
    results_table,
    settings_table,
)

Record = Mapping[str, Any]


def comparison_page(folder: Path, found: Mapping[Path, Record], left_out: Sequence[str]) -> str:
    """The HTML for the trainings `found` in a folder; `left_out` says why others are not among them."""
    runs, notes = compared_runs(found)
    models, heads = (ranked([run for run in runs if run.is_head is of_heads]) for of_heads in (False, True))
    kinds = (("models", "Genome models", models), ("heads", "Variant heads", heads))
    sections = [Section(anchor, heading, joined(_compared(anchor, some))) for anchor, heading, some in kinds if some]
    opening = [warning(line) for line in (*left_out, *notes)]
    opening.append(tiles(_first(models, heads)))
    lead = f"{counted(len(runs), 'training')} in {folder.resolve()}"
    return page(f"Trainings in {folder.resolve().name}", lead, opening, sections, told.footer(_newest(found)))


def _first(models: Sequence[Trained], heads: Sequence[Trained]) -> Iterator[tuple[str, str, str]]:
    """The key figures at the top: the best of each kind."""
    yield "trainings", f"{len(models) + len(heads):,}", ""
    unfinished = sum(run.record.get("status") != "finished" for run in (*models, *heads))
    if unfinished:
        yield "not finished", f"{unfinished:,}", ""
    if models and models[0].score is not None:
        yield "lowest held-out loss", f"{models[0].score:.4f}", models[0].name
    if heads and heads[0].score is not None:
        yield "highest AUROC", f"{heads[0].score:.3f}", heads[0].name


def _compared(anchor: str, runs: Sequence[Trained]) -> Iterator[Markup]:
    names = differing(runs)
    yield pictures(*loss_pictures(anchor, runs))
    yield table(results_table("what each reached, the best first", runs))
    for line in caveats(runs, names):
        yield note(line)
    yield table(settings_table("settings that differ, and folders", runs, names))
    yield paragraph("To go on with the first of them:")
    yield command(command_on("predict" if runs[0].is_head else "evaluate", "model", runs[0].folder))


def _newest(found: Mapping[Path, Record]) -> Record:
    return max(found.values(), key=lambda record: str(record.get("started")))
