"""Those that read windows let signals pass that reach all processes at once, from their first moment on."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("start_method", ["fork", pytest.param("spawn", marks=pytest.mark.nightly)])
def test_a_signal_while_they_are_being_started_is_the_mothers_to_answer(start_method):
    """It ended them before they had learnt to let it pass, and the training with an error instead of its exit code."""
    command = [sys.executable, "-m", "tests.builders.signalled_workers", start_method]
    done = subprocess.run(command, capture_output=True, text=True, start_new_session=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["True [0, 1, 2, 3, 4, 5, 6]"] * 3
