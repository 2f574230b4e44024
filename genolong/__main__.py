"""`python -m genolong COMMAND`."""

import signal

from genolong.parallel.interruption import held_back

if __name__ == "__main__":
    with held_back(signal.SIGINT):  # libraries that are imported would show a trace
        from genolong.cli import main
    main()
