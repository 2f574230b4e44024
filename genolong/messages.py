"""Messages of a command: lines on stderr, next to progress bars on a terminal, and tables on stdout."""

import logging
import sys
import warnings
from typing import TYPE_CHECKING

from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table

from genolong.genome.files.partial_file import naming

if TYPE_CHECKING:  # at run time matplotlib and the like are imported only by a command
    from genolong.report.figures import Table as Figures

tell = logging.getLogger("genolong")
WIDEST = 10_000  # columns of a table in a file, which need not fit on a screen
err = Console(stderr=True, highlight=False)


class Lines(logging.Handler):
    """Messages as plain lines on the current sys.stderr; each in one write, which no signal can cut."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(f"{self.format(record)}\n")
        except Exception:
            self.handleError(record)


def set_up_messages() -> None:
    """Shows genolong's own messages, and only warnings of other libraries."""
    logging.raiseExceptions = False  # messages that cannot be written (their reader has left) are dropped silently
    watched = RichHandler(console=err, show_path=False, show_level=False, show_time=False, markup=False)
    tell.handlers, tell.propagate = [watched if err.is_terminal else Lines()], False
    tell.setLevel(logging.INFO)
    logging.basicConfig(
        handlers=[Lines(logging.WARNING)]
    )  # without a handler, Lightning adds one that shows everything
    for library in ("pytorch_lightning", "lightning_fabric"):  # advice for programmers; we report what matters
        warnings.filterwarnings("ignore", module=library)
        logging.getLogger(library).setLevel(logging.WARNING)


class _Output(Console):
    """stdout, whose reader may leave."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def show(table: "Figures") -> None:
    """Prints a table on stdout."""
    shown = Table(title=table.title, title_justify="left")
    for at, name in enumerate(table.columns):
        shown.add_column(name, justify="right" if at else "left", overflow="ellipsis" if at else "fold")
    for row in table.rows:
        shown.add_row(*row)
    out = _Output(width=None if sys.stdout.isatty() else WIDEST, markup=False, emoji=False)  # names come from files
    with naming("standard output"):
        out.print(shown)
