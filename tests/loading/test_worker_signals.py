"""Those that read windows let signals pass that reach all processes at once, from their first moment on."""

import subprocess
import sys

import pytest

from genolong.loading.step_loader import StepLoader
from genolong.parallel.stopped import EXIT_CODES
from tests.builders.signalled_workers import Numbers


@pytest.mark.parametrize("start_method", ["fork", pytest.param("spawn", marks=pytest.mark.nightly)])
def test_a_signal_while_they_are_being_started_is_the_mothers_to_answer(start_method):
    """It ended them before they had learnt to let it pass, and the training with an error instead of its exit code."""
    command = [sys.executable, "-m", "tests.builders.signalled_workers", start_method]
    done = subprocess.run(command, capture_output=True, text=True, start_new_session=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["True [0, 1, 2, 3, 4, 5, 6]"] * len(EXIT_CODES)


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_they_end_by_the_mothers_word_alone_and_not_as_a_failure():
    """PyTorch raised in the mother for one that she ended, as she does when her program ends with readers at work."""
    loader = StepLoader(Numbers(), workers=2, batch_size=None)
    batches = iter(loader)
    first = next(batches)
    told_by_another, told = loader._iterator._workers  # type: ignore[union-attr]
    subprocess.run(["kill", "-TERM", str(told_by_another.pid)], check=True)
    assert [first, *batches] == list(range(7))
    told.terminate()
    told.join(timeout=60)
    assert told.exitcode == 0
    assert told_by_another.is_alive()
