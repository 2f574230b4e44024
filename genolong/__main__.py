"""Starts the command line, for `genolong` and `python -m genolong`; a signal to stop is heard from the beginning."""

import os
from contextlib import suppress

from genolong.parallel.interruption import held_back
from genolong.parallel.stopped import EXIT_CODES, Stopped, obeyed


def main() -> None:
    """Run the command that was typed."""
    try:
        with obeyed():
            with held_back(*EXIT_CODES):  # until its imports are done
                from genolong.cli import main as run
            run()
    except Stopped as stopped:
        if not stopped.told:
            with suppress(OSError):  # it may be closed
                os.write(2, f"genolong: stopped by {stopped.name} before it began\n".encode())
        raise


if __name__ == "__main__":
    main()
