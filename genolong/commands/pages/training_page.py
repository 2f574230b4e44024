"""The page of a training: its course, its results on held-out data, its inputs and settings, and how to repeat it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from genolong.commands.evaluation.own_figures import FIGURES
from genolong.commands.pages.own_evaluation import own_evaluation
from genolong.errors import InputError
from genolong.quoted import command_on
from genolong.report import record_sections as told
from genolong.report.curves import read_courses
from genolong.report.figures import Figure, everything_table
from genolong.report.held_out import best_bits, held_out
from genolong.report.html import Markup, joined
from genolong.report.page import Section, command, folded, note, page, pairs, pictures, table, tiles, warning
from genolong.report.training_pictures import DRAWN, LOSS, course_pictures
from genolong.runs.folder import called
from genolong.runs.record import maker, replicas

Record = Mapping[str, Any]
SIDES = {"train": "training", "validation": "validation"}


def training_page(folder: Path, record: Record) -> str:
    """The HTML for a run's folder, finished or not; the page says what is missing."""
    is_variant_head = maker(record) == "train_variants"
    place, settings = str(folder.resolve()), record["settings"]
    name = called(str(dict(settings.get("run", {})).get("name", "")), folder)
    figures, warnings = own_evaluation(folder, record)
    sections = [Section("course", "How it went", _course(folder, settings, is_variant_head=is_variant_head))]
    if is_variant_head:
        sections.append(Section("held-out", "Held-out alleles", _held_out_alleles(record)))
    else:
        sections.append(Section("held-out", "Held-out bases", _held_out_bases(figures, warnings, place)))
        sections.append(Section("data", "Data", told.composition(record)))
    sections += [
        Section("files", "Input files", told.files_read(record)),
        Section("cost", "Time and memory", told.cost(record)),
        Section("settings", "Settings", told.settings(record)),
        Section("provenance", "Provenance", told.provenance(record)),
        Section("again", "How to reproduce it", told.made_again(record, place)),
    ]
    opening = [tiles(_first(record, [] if warnings else figures))]
    if record.get("status") != "finished":
        opening.insert(0, warning(f"This training has not finished; its record says: {record.get('status')}."))
    kind = "a head that separates labelled variants" if is_variant_head else "a genome model"
    lead = f"Training of {kind}, {told.moment(record, 'started')}; in {place}"
    return page(f"Training {name}", lead, opening, sections, told.footer(record))


def _first(record: Record, figures: list[Figure]) -> Iterator[tuple[str, str, str]]:
    """The key figures at the top of the page."""
    metrics = record.get("metrics") or {}
    yield "status", str(record.get("status")), ""
    if isinstance(record.get("steps"), int):
        yield "optimizer steps", f"{record['steps']:,}", ""
    if isinstance(record.get("bases"), int):
        yield "bases read", f"{record['bases']:,}", ""
    for key, name, unit in (
        ("validation/loss", "validation loss", "nats/base" if "bases" in record else "nats/allele"),
        ("validation/auroc", "AUROC", "held-out alleles"),
    ):
        if key in metrics:
            yield name, f"{float(metrics[key]):.4f}", unit
    model, kmer = best_bits(figures)
    if model is not None:
        beside = "" if kmer is None else f"best k-mer counter {kmer.value:.3f}"
        yield "bits a base (evaluate)", f"{model.value:.3f}", beside
    seconds = told.seconds_of(record)
    if seconds is not None:
        since = told.steps_since(record)
        yield (
            "time",
            told.duration(seconds),
            "" if since in (None, record.get("steps")) else f"for the last {since:,} steps",
        )


def _course(folder: Path, settings: Record, *, is_variant_head: bool) -> Markup:
    try:
        courses = read_courses(folder / "metrics.csv", DRAWN)
    except InputError as error:
        return warning(str(error))
    if not len(courses[LOSS][0]):
        return note("No step has been logged yet.")
    drawn = pictures(*course_pictures(courses, None if is_variant_head else bases_per_step(settings)))
    last = [
        (name, f"{values[-1]:.6g} at step {steps[-1]:,.0f}") for name, (steps, values) in courses.items() if len(steps)
    ]
    return joined((drawn, folded("last values", "from metrics.csv", pairs(last))))


def bases_per_step(settings: Record) -> int:
    """Bases that each step of a recorded training read."""
    context = settings["context"]
    return context["window_bp"] * context["batch"] * context["accumulation"] * replicas(settings)


def _held_out_bases(figures: list[Figure], warnings: list[str], place: str) -> Markup:
    told_first = [warning(line) for line in warnings]
    if not figures:
        line = command_on("evaluate", "model", place)
        return joined((*told_first, note("This training has not been evaluated yet; to evaluate it:"), command(line)))
    everything = folded("all figures", f"{len(figures):,}", table(everything_table(f"as stored in {FIGURES}", figures)))
    return joined((*told_first, held_out(figures), everything))


def _held_out_alleles(record: Record) -> Markup:
    """Results of a head's training on alleles that it was not trained on."""
    alleles, metrics, zero_shot = (dict(record.get(name) or {}) for name in ("alleles", "metrics", "zero_shot"))
    names = {
        "auroc": "AUROC", "auprc": "AUPRC", "calibration_error": "calibration error",
        "calibration_error_before": "calibration error before calibration", "loss": "loss (nats/allele)",
    }  # fmt: skip
    rows = [(f"alleles for {what}", f"{alleles[key]:,}") for key, what in SIDES.items() if key in alleles]
    rows += [(label, metrics[f"validation/{key}"]) for key, label in names.items() if f"validation/{key}" in metrics]
    rows += [(f"{names[key]} of the LLR alone", zero_shot[key]) for key in ("auroc", "auprc") if key in zero_shot]
    rows = [(label, f"{value:.4f}" if isinstance(value, float) else value) for label, value in rows]
    return pairs(rows) if rows else note("The record holds no figures yet.")
