"""Scripts say how they are used, and what is wrong in one line."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
PYTHON = sorted(path.name for path in SCRIPTS.iterdir() if path.is_file() and b"python" in path.read_bytes()[:30])


def called(name: str, *words: str) -> tuple[int, str]:
    """The exit code and the messages of a script."""
    run = [sys.executable] if name in PYTHON else ["bash"]
    done = subprocess.run([*run, str(SCRIPTS / name), *words], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stderr


@pytest.mark.nightly
@pytest.mark.parametrize("name", PYTHON)
def test_help_is_given(name: str):
    assert called(name, "--help") == (0, "")


@pytest.mark.parametrize(
    ("word", "code", "more"), [("--help", 0, ""), ("-h", 0, ""), ("x", 64, "It takes no arguments.\n")]
)
def test_the_quick_start_says_what_it_does_and_does_nothing(word: str, code: int, more: str):
    assert called("quickstart", word) == (code, (SCRIPTS / "quickstart").read_text().splitlines()[1][2:] + "\n" + more)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("draw_demo", "none"), "draw_demo: path=none: no such run; name a run's folder, like runs/quickstart/latest"),
        (
            ("benchmark_loader", "--fasta", "none.fa"),
            "benchmark_loader: none.fa does not exist; wanted a file; check its spelling and the folder you are in",
        ),
    ],
)
def test_what_is_not_there_is_told_in_one_line(words: tuple[str, ...], told: str):
    assert called(*words) == (1, told + "\n")
