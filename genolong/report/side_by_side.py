"""Several trainings side by side: tables of what each reached and of what differs between them, and their losses."""

from collections.abc import Mapping, Sequence
from functools import partial
from math import inf, isfinite
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter

from genolong.counted import counted
from genolong.report.curves import UNIT, Course, smooth, thinned
from genolong.report.figures import Table
from genolong.report.html import Markup
from genolong.report.inline_svg import inline_svg, legend_below, short
from genolong.report.page import picture
from genolong.report.picture import BLUE, GREEN, GREY, ORANGE, SKY, VERMILION, literal
from genolong.report.record_sections import duration, seconds_of
from genolong.report.training_pictures import ACCURACY, ALLELES, AUPRC, AUROC, LOSS, VALIDATION
from genolong.report.typed_settings import leaves, typed

READ = (LOSS, VALIDATION, ACCURACY, AUROC, AUPRC)  # columns of metrics.csv
COLOURS, DASHES = (BLUE, VERMILION, GREEN, ORANGE, SKY, GREY), ("-", "--", ":")
MOST = len(COLOURS) * len(DASHES)  # curves that can be told apart
PLACES = ("run.name", "run.folder")  # settings that only say where a run is
MEASURED = ("data.", "task.masking.", "context.window_bp", "longest_allele")  # decide which bases or alleles are asked
NOT_MEASURED = ("data.fasta", "data.cache", "data.workers", "data.reverse_complement", "data.synonyms")
UNKNOWN = "–"


class Trained(NamedTuple):
    """A training: its name in this comparison, folder, record, and courses by column of metrics.csv.

    `bits` is what `evaluate` measured, if it did; `bases_per_step` is None for a variant head, which reads alleles.
    """

    name: str
    folder: str
    record: Mapping[str, Any]
    courses: Mapping[str, Course]
    bits: float | None
    bases_per_step: int | None

    @property
    def is_head(self) -> bool:
        return self.bases_per_step is None

    @property
    def score(self) -> float | None:
        """What it is ranked by: a model's held-out loss, of which less is better, or a head's AUROC."""
        return self.last(AUROC if self.is_head else VALIDATION)

    @property
    def settings(self) -> dict[str, str]:
        """Every setting as it is typed, by its full name."""
        return {name: typed(value) for name, value in leaves(self.record["settings"])}

    def last(self, metric: str) -> float | None:
        """The latest value of a column."""
        values = self.courses[metric][1]
        return float(values[-1]) if len(values) else None


def ranked(runs: Sequence[Trained]) -> list[Trained]:
    """The best first, and those without a result last."""

    def key(run: Trained) -> float:
        score = run.score
        return inf if score is None or not isfinite(score) else -score if run.is_head else score

    return sorted(runs, key=key)


def results_table(title: str, runs: Sequence[Trained]) -> Table:
    """A row for each training: how far it came, and what it reached on held-out data."""
    columns = {
        "status": [str(run.record.get("status")) for run in runs],
        "steps": [_steps(run) for run in runs],
        "bases read": [_bases(run) for run in runs],
        "held-out loss": [_decimal(run.last(VALIDATION), 4) for run in runs],
        "lowest": [_decimal(_lowest(run.courses[VALIDATION]), 4) for run in runs],
        "accuracy": [_share(run.last(ACCURACY)) for run in runs],
        "AUROC": [_decimal(run.last(AUROC), 3) for run in runs],
        "AUPRC": [_decimal(run.last(AUPRC), 3) for run in runs],
        "bits/base (evaluate)": [_decimal(run.bits, 3) for run in runs],
        "time": [_time(run) for run in runs],
    }
    dull = {"status": {"finished"}}
    kept = {name: cells for name, cells in columns.items() if set(cells) not in ({UNKNOWN}, dull.get(name))}
    return Table(title, ("run", *kept), tuple(zip([run.name for run in runs], *kept.values(), strict=True)))


def differing(runs: Sequence[Trained]) -> list[str]:
    """The settings in which these trainings differ, in the order of the settings."""
    each = [run.settings for run in runs]
    names = dict.fromkeys(name for settings in each for name in settings)
    return [name for name in names if name not in PLACES and len({one.get(name) for one in each}) > 1]


def settings_table(title: str, runs: Sequence[Trained], names: Sequence[str]) -> Table:
    """A row for each training: its value of each of these settings, and its folder."""
    each = [(run, run.settings) for run in runs]
    rows = [(run.name, *(settings.get(name, UNKNOWN) for name in names), run.folder) for run, settings in each]
    return Table(title, ("run", *names, "folder"), tuple(rows))


def caveats(runs: Sequence[Trained], names: Sequence[str]) -> list[str]:
    """Why the results of trainings that differ in the settings `names` are not quite comparable."""
    what = "alleles" if runs[0].is_head else "bases"
    other = [name for name in names if name.startswith(MEASURED) and name not in NOT_MEASURED]
    read = {tuple(sorted(dict(run.record.get("inputs_sha256") or {}).values())) for run in runs}
    other += ["what their input files hold"] if len(read) > 1 else []
    told = []
    if other:
        told.append(f"Not all were measured on the same held-out {what}: they differ in {', '.join(other)}.")
    if "seed" in names and not runs[0].is_head:
        told.append("Each seed hides other bases of the held-out windows, so part of the difference is chance.")
    return told


def loss_pictures(prefix: str, runs: Sequence[Trained]) -> list[Markup]:
    """Held-out losses and smoothed training losses of the first trainings, over what they have read.

    `prefix` makes the names of the pictures unique on their page.
    """
    drawn = []
    for metric, title, how in (
        (VALIDATION, "Held-out loss", "As measured while training"), (LOSS, "Training loss", "Smoothed"),
    ):  # fmt: skip
        shown = [run for run in runs if len(run.courses[metric][0])][:MOST]
        if not shown:
            continue
        told = "; ".join(f"{run.name}: {run.last(metric):.4g}" for run in shown)
        svg = inline_svg(
            f"{prefix}-{metric.partition('/')[0]}", f"{title} of {counted(len(shown), 'training')}", told,
            partial(_draw, runs=shown, metric=metric), height=3.2 + 0.2 * len(shown),
        )  # fmt: skip
        fewer = f"; the first {len(shown)} of {len(runs)} trainings" if len(shown) < len(runs) else ""
        drawn.append(picture(title, svg, f"{how}; lower is better{fewer}."))
    return drawn


def _draw(pane: Axes, *, runs: Sequence[Trained], metric: str) -> None:
    for number, run in enumerate(runs):
        steps, values = run.courses[metric]
        course = (steps * (run.bases_per_step or 1), smooth(values) if metric == LOSS else values)
        pane.plot(
            *thinned(course), color=COLOURS[number % len(COLOURS)], linestyle=DASHES[number // len(COLOURS)],
            linewidth=1.5, marker="o" if metric == VALIDATION else None, markersize=3, label=literal(short(run.name)),
        )  # fmt: skip
    of_heads = runs[0].is_head
    pane.set_ylabel(ALLELES if of_heads else UNIT)
    pane.set_xlabel("optimizer steps" if of_heads else "bases read")
    pane.xaxis.set_major_formatter(EngFormatter(sep=""))
    legend_below(pane)


def _steps(run: Trained) -> str:
    """The steps taken, and how many there will be if these are not all."""
    logged, steps = run.courses[LOSS][0], run.record.get("steps")
    if not isinstance(steps, int):
        steps = int(logged[-1]) if len(logged) else 0
    wanted = dict(run.record["settings"].get("trainer") or {}).get("max_steps")
    return f"{steps:,} of {wanted:,}" if isinstance(wanted, int) and wanted != steps else f"{steps:,}"


def _bases(run: Trained) -> str:
    bases = run.record.get("bases")
    return f"{bases:,}" if isinstance(bases, int) else UNKNOWN


def _lowest(course: Course) -> float | None:
    return min((float(value) for value in course[1] if isfinite(value)), default=None)


def _time(run: Trained) -> str:
    seconds = seconds_of(run.record)
    return UNKNOWN if seconds is None else duration(seconds)


def _decimal(value: float | None, digits: int) -> str:
    return UNKNOWN if value is None else f"{value:.{digits}f}"


def _share(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.1%}"
