"""The runs of a sweep (-m): what is said before each, and at the end what each training reached and what failed."""

import os
import re
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from genolong.counted import counted
from genolong.messages import show, tell
from genolong.parallel.place import Place
from genolong.runs.folder import RECORD

NEAR = 2  # folders that a sweep's runs may lie below their page: <name>/<time>, where each has a name of its own
_done: list[Path] = []  # the runs' folders; Hydra's own list of results does not reach the caller
_failed: list[tuple[int, str, int]] = []  # number, settings and exit code of each run that failed


def begin() -> None:
    """Forgets the runs of earlier sweeps in this process."""
    _done.clear()
    _failed.clear()


def tell_run() -> None:
    """Says which run of a sweep begins, with its values."""
    if HydraConfig.get().mode is RunMode.MULTIRUN:
        tell.info("run %d of this sweep: %s", *_numbered())


def _numbered() -> tuple[int, str]:
    """The number of the present run, and its settings without the backslashes that Hydra adds to read them again."""
    job = HydraConfig.get()
    return job.job.num + 1, re.sub(r"\\(.)", r"\1", " ".join(job.overrides.task))


def note_run() -> None:
    """Remembers a run of a sweep that is finished."""
    job = HydraConfig.get()
    if job.mode is RunMode.MULTIRUN:
        _done.append(Path(job.runtime.output_dir))


def note_failure(code: int) -> None:
    """Remembers a run of a sweep that failed with this exit code."""
    _failed.append((*_numbered(), code))


def tell_failures() -> int:
    """Lists the runs that failed; returns the exit code of the first, or 0 if none did."""
    if not _failed:
        return 0
    tell.warning("%s of this sweep failed:", counted(len(_failed), "run"))
    for number, settings, _ in _failed:
        tell.warning("run %d: %s", number, settings)
    return _failed[0][-1]


def tell_results() -> None:
    """Prints to stdout what each training of a sweep reached, and leaves a page that compares them."""
    place = Place.joined()
    if len(_done) < 2 or (place is not None and place.rank):
        return
    from genolong.commands.pages.compared_runs import compared_runs
    from genolong.commands.pages.left_page import leave_report
    from genolong.report.side_by_side import ranked, results_table
    from genolong.runs.record import read_record

    runs, notes = compared_runs({folder: read_record(folder / RECORD) for folder in _done})
    for note in notes:
        tell.warning(note)
    show(results_table("the runs of this sweep, the best first", ranked(runs)))
    above = Path(os.path.commonpath([folder.parent for folder in _done]))
    if all(len(folder.relative_to(above).parts) <= NEAR for folder in _done):
        leave_report(above)
