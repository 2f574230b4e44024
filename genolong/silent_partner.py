"""Silences the processes that torchrun or SLURM started besides the first: they work, but print and keep nothing."""

import logging
import os
import secrets
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from rich.console import Console


@contextmanager
def silent(err: Console) -> Iterator[list[str]]:
    """While the context lasts, only errors are shown; yields settings that send Hydra's files to a temporary folder.

    Each of these processes runs Hydra itself, which names folders after the time.
    """
    folder = Path(tempfile.gettempdir(), f"genolong-{secrets.token_hex(8)}")
    quoted = str(folder).replace("'", r"\'")
    before = logging.root.manager.disable, err.quiet
    logging.disable(logging.WARNING)
    err.quiet = True
    try:
        with open(os.devnull, "w") as nothing, redirect_stdout(nothing), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield ["hydra.output_subdir=null", *(f"hydra.{mode}.dir='{quoted}'" for mode in ("run", "sweep"))]
    finally:
        logging.disable(before[0])
        err.quiet = before[1]
        shutil.rmtree(folder, ignore_errors=True)
