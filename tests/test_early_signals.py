"""A signal to stop that comes before the work has begun ends it with the documented code, and in one line."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders.genomes import random_letters, write_fasta

WHILE_IMPORTING = """
import importlib.abc, os, runpy, sys

class Sender(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), {number})

sys.meta_path.insert(0, Sender())
sys.argv = ["genolong", *{words!r}]
runpy.run_module("genolong", run_name="__main__")
"""
BEGINS, COMPOSES, IMPORTS, WORKS = (
    "genolong.cli", "omegaconf._impl", "genolong.commands.training.train",
    "genolong.commands.pages.report",
)  # fmt: skip
GOES_ON = "run the same command again to continue"
CODES = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGHUP: 129, signal.SIGUSR1: 75}


@pytest.mark.parametrize(("module", "number", "end"), [
    *((BEGINS, number, "before it began") for number in CODES),
    (COMPOSES, signal.SIGUSR1, "before it began"), (COMPOSES, signal.SIGINT, "before it began"),
    (IMPORTS, signal.SIGHUP, f"outside of its steps; {GOES_ON}"),
    *(
        pytest.param(IMPORTS, number, f"outside of its steps; {GOES_ON}", marks=pytest.mark.nightly)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
    ),
])  # fmt: skip
def test_it_ends_with_its_code_and_one_line(tmp_path: Path, module: str, number: int, end: str):
    fasta = write_fasta(tmp_path, {"chr1": random_letters(1009, seed=1)})
    code, err = typed(tmp_path, module, number, "train", f"data.fasta={fasta}", "model=tiny")
    assert (code, err) == (CODES[signal.Signals(number)], f"genolong: stopped by {signal.Signals(number).name} {end}\n")
    assert not list(tmp_path.rglob(".hydra"))


def test_a_command_that_keeps_nothing_says_that_it_starts_over(tmp_path: Path):
    code, err = typed(tmp_path, WORKS, signal.SIGTERM, "report", "run=none")
    assert (code, err) == (143, "genolong: stopped by SIGTERM; run the same command again to start over\n")


def typed(folder: Path, module: str, number: int, *words: str) -> tuple[int, str]:
    """Exit code and stderr of a command that gets the signal when it imports the module."""
    program = WHILE_IMPORTING.format(module=module, number=int(number), words=words)
    hears = (
        "import signal, sys\n"  # a suite in the background hands on that Ctrl-C is ignored
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", hears + program], capture_output=True, text=True, cwd=folder, timeout=240,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.stdout == ""
    return done.returncode, done.stderr
