"""The runs of a sweep (-m): what is said before each, and at the end what each training reached."""

import os
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from genolong.messages import show, tell
from genolong.parallel.place import Place
from genolong.runs.folder import RECORD

NEAR = 2  # folders that a sweep's runs may lie below their page: <name>/<time>, where each has a name of its own
_done: list[Path] = []  # the runs' folders; Hydra's own list of results does not reach the caller


def begin() -> None:
    """Forgets the runs of earlier sweeps in this process."""
    _done.clear()


def tell_run() -> None:
    """Says which run of a sweep begins, with its values."""
    job = HydraConfig.get()
    if job.mode is RunMode.MULTIRUN:
        tell.info("run %d of this sweep: %s", job.job.num + 1, " ".join(job.overrides.task))


def note_run() -> None:
    """Remembers a run of a sweep that is finished."""
    job = HydraConfig.get()
    if job.mode is RunMode.MULTIRUN:
        _done.append(Path(job.runtime.output_dir))


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
