"""Entry point of `python -m genolong COMMAND`."""

import signal

from genolong.parallel.interruption import held_back

if __name__ == "__main__":
    with held_back(signal.SIGINT):  # otherwise Ctrl-C during imports would print a traceback
        from genolong.cli import main
    main()
