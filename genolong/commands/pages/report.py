"""`report`: a training or an evaluation as one self-contained HTML page, made only from what is recorded."""

from pathlib import Path

from genolong.commands.evaluation.measuring import Follow
from genolong.commands.pages.evaluation_page import evaluation_page
from genolong.commands.pages.report_settings import ReportSettings
from genolong.commands.pages.training_page import training_page
from genolong.errors import InputError
from genolong.genome.files.partial_file import write_whole
from genolong.runs.record import maker, read_record

BROKEN = (
    TypeError, ValueError, KeyError, AttributeError, IndexError, ZeroDivisionError, OverflowError, RecursionError,
)  # fmt: skip


def report(settings: ReportSettings, follow: Follow = lambda _what, _size: lambda _done: None) -> Path:
    """Writes the page, and returns its path; raises InputError or a subclass for anything that a user can fix."""
    path = settings.record
    record = read_record(path)
    made_by = maker(record)
    try:
        if made_by in ("train", "train_variants"):
            text = training_page(path.parent, record)
        elif made_by == "evaluate":
            text = evaluation_page(settings, record, follow)
        else:
            raise InputError(
                f"{path}: made by {made_by[:40]!r}; wanted a training's folder, or a file that evaluate wrote; "
                "evaluate a scored VCF first (python -m genolong evaluate vcf=FILE label=FIELD)"
            )
    except BROKEN as error:
        raise InputError(f"{path}: is not as genolong writes it ({type(error).__name__}: {str(error)[:80]})") from error
    write_whole(settings.page, text.encode())
    return settings.page
