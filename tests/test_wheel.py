"""A wheel built from the project carries its configuration and its genome, and runs from any directory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


def run(*command: str | Path, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, env=os.environ | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.nightly
def test_an_installed_wheel_trains_from_another_directory(tmp_path: Path):
    pip = [sys.executable, "-m", "pip"]
    constraints = str(PROJECT / "constraints.txt")
    run(
        *pip, "wheel", "--no-deps", "--wheel-dir", tmp_path, PROJECT,
        folder=tmp_path, PIP_CONSTRAINT=constraints, PIP_BUILD_CONSTRAINT=constraints,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("genolong-*.whl")
    installed = tmp_path / "installed"
    run(*pip, "install", "--no-deps", "--target", installed, wheel, folder=tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    place = {"folder": elsewhere, "PYTHONPATH": str(installed)}
    found = run(sys.executable, "-c", "import genolong; print(genolong.__file__)", **place)
    assert Path(found.strip()).is_relative_to(installed)
    run(sys.executable, "-m", "genolong", "train", "trainer.max_steps=2", f"data.cache={tmp_path / 'cache'}", **place)
    assert (elsewhere / "runs" / "train" / "latest" / "checkpoints" / "last.ckpt").is_file()
