"""`report`: a training, several, or an evaluation as one self-contained HTML page, made only from what is recorded."""

from pathlib import Path

from genolong.commands.pages.comparison_page import comparison_page
from genolong.commands.pages.evaluation_page import evaluation_page
from genolong.commands.pages.report_settings import ReportSettings
from genolong.commands.pages.training_page import training_page
from genolong.errors import InputError, MissingInputError
from genolong.genome.files.other_kinds import refuse_other_kind
from genolong.genome.files.partial_file import write_whole
from genolong.report.page import DOCTYPE
from genolong.runs.exported import is_exported
from genolong.runs.found import runs_in
from genolong.runs.record import maker, read_record

BROKEN = (
    TypeError, ValueError, KeyError, AttributeError, IndexError, ZeroDivisionError, OverflowError, RecursionError,
)  # fmt: skip


def report(settings: ReportSettings) -> Path:
    """Writes the page, and returns its path; raises InputError or a subclass for anything that a user can fix."""
    path = settings.record
    refuse_other_kind(settings.page, DOCTYPE.encode(), "a page")
    try:
        text = _page(settings, path)
    except BROKEN as error:
        raise InputError(f"{path}: is not as genolong writes it ({type(error).__name__}: {str(error)[:80]})") from error
    write_whole(settings.page, text.encode())
    return settings.page


def _page(settings: ReportSettings, path: Path) -> str:
    place = path.parent
    if Path(settings.run).expanduser().is_dir() and not path.exists() and not is_exported(place):
        found, left_out = runs_in(place)
        if found:
            return comparison_page(place, found, left_out)
        unread = f" that can be read ({left_out[0]})" if left_out else ""
        raise MissingInputError(
            f"{place}: has no training in it{unread}; name the folder of a training, or one with several below it, or "
            "a file that evaluate wrote"
        )
    record = read_record(path)
    made_by = maker(record)
    if made_by in ("train", "train_variants"):
        return training_page(path.parent, record)
    if made_by == "evaluate":
        return evaluation_page(settings, record)
    raise InputError(
        f"{path}: made by {made_by[:40]!r}; wanted a training's folder, or a file that evaluate wrote; "
        "evaluate a scored VCF first (python -m genolong evaluate vcf=FILE label=FIELD)"
    )
