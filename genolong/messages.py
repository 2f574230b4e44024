"""What a command tells people: lines on stderr, beside bars where people watch, and tables on stdout."""

import logging
import sys
import warnings
from typing import TYPE_CHECKING

from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table

if TYPE_CHECKING:  # matplotlib and the like load when a command runs
    from genolong.report.figures import Table as Figures

tell = logging.getLogger("genolong")
err = Console(stderr=True, highlight=False)


class Lines(logging.Handler):
    """Messages as plain lines on what is stderr when they come."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            print(self.format(record), file=sys.stderr)
        except Exception:
            self.handleError(record)


def set_up_messages() -> None:
    """Genolong's own messages, and of other libraries' the warnings."""
    logging.raiseExceptions = False  # a message that cannot be written is lost, without a trace: its reader has left
    watched = RichHandler(console=err, show_path=False, show_level=False, show_time=False, markup=False)
    tell.handlers, tell.propagate = [watched if err.is_terminal else Lines()], False
    tell.setLevel(logging.INFO)
    logging.basicConfig(
        handlers=[Lines(logging.WARNING)]
    )  # where there is none, Lightning adds one that shows everything
    for library in ("pytorch_lightning", "lightning_fabric"):  # advice to programmers; what matters we say ourselves
        warnings.filterwarnings("ignore", module=library)
        logging.getLogger(library).setLevel(logging.WARNING)


class _Output(Console):
    """stdout, of which the reader may leave."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def show(table: "Figures") -> None:
    """A table on stdout."""
    shown = Table(title=table.title, title_justify="left")
    for at, name in enumerate(table.columns):
        shown.add_column(name, justify="right" if at else "left", overflow="ellipsis" if at else "fold")
    for row in table.rows:
        shown.add_row(*row)
    out = _Output(width=None if sys.stdout.isatty() else 120, markup=False, emoji=False)  # names come from files
    out.print(shown)
