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


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("benchmark_attention", "--lengths", "4", "0"), "argument --lengths: found 0, wanted a whole number above 0"),
        (("benchmark_block", "--repeats", "-1"), "argument --repeats: found -1, wanted a whole number above 0"),
        (("benchmark_training", "--steps", "1.5"), "argument --steps: found 1.5, wanted a whole number above 0"),
        (("benchmark_training", "--model", "huge"), "argument --model: invalid choice: 'huge' (choose from"),
        (
            ("benchmark_block", "--json", "none/figures.json"),
            "argument --json: none/figures.json cannot be written; wanted a file in a folder that exists",
        ),
        (
            ("reach_study", "--json", "none/x.json"),
            "argument --json: none/x.json cannot be written; wanted a file in a",
        ),
        (
            ("scaling_study", "--table", "none.md"),
            "argument --table: none.md is not a file; check its spelling and the",
        ),
        (("benchmark_attention", "--png", "."), "argument --png: . cannot be written; wanted a file in a folder that"),
        (
            ("benchmark_predict", "--model", "none", "--vcf", "none.vcf"),
            "argument --vcf: none.vcf is not a file; check its spelling and the folder you are in",
        ),
        (
            ("benchmark_attention", "--segments", "512", "2048", "--dilations", "1"),
            "2 --segments, 1 --dilations: wanted one per branch",
        ),
    ],
)
def test_what_is_typed_wrong_is_told_before_anything_runs(words: tuple[str, ...], told: str):
    code, messages = called(*words)
    assert code == 2
    assert messages.splitlines()[-1].startswith(f"{words[0]}: error: {told}")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("benchmark_attention", "--kinds", "dense", "--device", "cuda"), "--device cuda: PyTorch finds no GPU here"),
        (("benchmark_training", "--model", "tiny", "--device", "cuda"), "--device cuda: PyTorch finds no GPU here"),
        (
            ("benchmark_attention", "--kinds", "per-branch", "--segments", "32", "24", "--dilations", "1", "2"),
            "per-branch: wanted segments that divide 64, found [32, 24]",
        ),
    ],
)
def test_a_case_that_cannot_run_says_why_in_one_line(
    words: tuple[str, ...], told: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert called(*words, "--lengths", "64") == (1, told + "\n")
