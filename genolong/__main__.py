"""Starts the command line, for `genolong` and `python -m genolong`; a signal to stop is heard from the beginning."""

import os
from contextlib import suppress

from genolong.parallel.interruption import held_back
from genolong.parallel.stopped import EXIT_CODES, Stopped, obeyed

SPINS = "30000"  # a tenth of the default: enough for threads that are about to be done


def spin_briefly() -> None:
    """Lets OpenMP's threads, which wait for one another after every operation, sleep soon where others use the cores.

    Read when PyTorch is imported. What the environment says about it is left as it is.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)


def main() -> None:
    """Run the command that was typed."""
    spin_briefly()
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
