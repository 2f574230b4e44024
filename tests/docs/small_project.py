"""A checkout for the tutorial: its scripts and its genome, and a Python that does as it is told, but less of it."""

import os
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import PROJECT

SMALLER = {  # settings behind those that are typed
    "train": "trainer.max_steps=60 optimizer.warmup_steps=10 trainer.validate_every=30 data.validation_windows=4 "
    "trainer.accelerator=cpu",
    "evaluate": "contexts=false device=cpu",
    "evaluate-vcf": "bootstrap=100",
    "predict": "window_bp=64 longest_allele=16 distance=false trainer.accelerator=cpu",
    "embed": "window_bp=128 trainer.accelerator=cpu",
    "map": "window_bp=128 trainer.accelerator=cpu",
}
PYTHON = """#!/usr/bin/env bash
# Runs {python}: commands of genolong with smaller settings; what is to be installed must be there.
case "$*" in
    "-m pip install "*) exec {python} -c 'import importlib.metadata as m; m.version("'"$4"'")' ;;
{cases}
    *) exec {python} "$@" ;;
esac
"""


def make_small_project(folder: Path) -> Path:
    """In an empty folder; nothing of it is installed, and nothing is fetched."""
    (folder / "scripts").mkdir()
    for name in ("scripts/quickstart", "scripts/environment.sh", "pyproject.toml", "constraints.txt"):
        place = folder / name
        place.write_bytes((PROJECT / name).read_bytes())
        place.chmod((PROJECT / name).stat().st_mode)
    (folder / "data").symlink_to(PROJECT / "data")
    cases = [
        f'    "-m genolong {pattern}) exec {sys.executable} "$@" {SMALLER[name]} ;;'
        for name, pattern in (
            ("train", 'train "*'), ("evaluate-vcf", 'evaluate "*vcf=*'), ("evaluate", 'evaluate "*'),
            ("predict", 'predict "*'), ("embed", 'embed "*'), ("map", 'map "*'),
        )
    ]  # fmt: skip
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON.format(python=sys.executable, cases="\n".join(cases)))
    python.chmod(0o755)
    installed = 'cd "$0"; echo "$PWD $(cat pyproject.toml constraints.txt | cksum)" > .venv/installed'
    subprocess.run(["bash", "-c", installed, folder], check=True)
    return folder


def environment(home: Path) -> dict[str, str]:
    """This process's, with a home of its own, and genolong found in this checkout."""
    return os.environ | {
        "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1",
        "NO_COLOR": "1",
    }  # fmt: skip
