"""The page that a command leaves next to its result, as `report` would write it."""

import logging
import os
from pathlib import Path

from genolong.parallel.place import Place

logger = logging.getLogger(__name__)


def leave_report(run: Path) -> None:
    """Writes the page of a new result next to it, from the first process; if that fails, only warns."""
    place = Place.joined()
    if place is not None and place.rank:
        return
    from genolong.commands.pages.report import report  # draws, with libraries that the work itself did not need
    from genolong.commands.pages.report_settings import ReportSettings

    try:
        page = report(ReportSettings(run=str(run), vcf=None, output=None, debug=False))
    except Exception as error:
        logger.warning("no report was written (%s)", " ".join(str(error).split()) or type(error).__name__)
    else:
        logger.info("wrote %s; open it in a browser", os.path.relpath(page))
