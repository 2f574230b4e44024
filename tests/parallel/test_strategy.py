"""A training on any mesh of processes gives the losses, gradients and logits of one process."""

from itertools import pairwise

import pytest
import torch

from genolong.errors import NumericalError
from genolong.genome.coordinates import Interval
from genolong.loading.datasets import TrainingWindows
from genolong.loading.masking import MaskingSettings
from genolong.loading.order import TrainingOrder
from genolong.parallel.place import Place
from genolong.parallel.slices import slice_bounds
from tests.builders.memory_genome import MemoryGenome
from tests.builders.parallel_training import STEPS, WINDOW, Job, Outcome, letters, run, run_all

TWO = [
    Job(1, 2),
    Job(2, 1, batch=2),
    Job(1, 2, kernel=0),
    Job(1, 2, batch=2, accumulation=2, clip=0.05),
    Job(1, 2, checkpoint_blocks=1),
    Job(1, 2, checkpoint_blocks=2),
    Job(1, 2, share_weights=True, clip=0.05),
    Job(1, 2, share_weights=True, checkpoint_blocks=1),
    Job(1, 2, share_weights=True, checkpoint_blocks=2, accumulation=2, batch=2),
]
FOUR = [
    Job(1, 4),
    Job(2, 2, batch=2),
    Job(4, 1, batch=1),
    Job(2, 2, batch=1, accumulation=2, clip=0.05, checkpoint_blocks=1),
    Job(2, 2, batch=2, share_weights=True, clip=0.05),
]


@pytest.fixture(scope="module", params=[2, 4], ids=["two", "four"])
def trained(request, tmp_path_factory) -> list[tuple[Job, list[Outcome]]]:
    jobs = TWO if request.param == 2 else FOUR
    return list(zip(jobs, run_all(jobs, tmp_path_factory.mktemp("outcomes"), request.param), strict=True))


def differs(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found - wanted).abs().max() / wanted.abs().max().clamp(min=1e-300))


def test_every_mesh_gives_what_one_process_gives(trained):
    for job, outcomes in trained:
        alone = run(job.alone(), Place.alone())
        assert len(alone.losses) == len(alone.grads) == STEPS, job
        for outcome in outcomes:
            assert outcome.losses == pytest.approx(alone.losses, rel=1e-10), job
            assert outcome.validation == pytest.approx(alone.validation, rel=1e-6), job
            for step, (grads, wanted) in enumerate(zip(outcome.grads, alone.grads, strict=True)):
                for name, grad in grads.items():
                    assert differs(grad, wanted[name]) <= 1e-10 * 100**step, (job, step, name)
        check_logits(job, outcomes, alone)


def check_logits(job: Job, outcomes: list[Outcome], alone: Outcome) -> None:
    """Slices put together, replica by replica, are the windows of one process in their order."""
    bounds = slice_bounds(WINDOW, job.sequence)
    for number, wanted in enumerate(alone.logits[: job.accumulation]):  # the first step: weights are still the same
        for replica in range(job.replicas):
            for rank in range(job.sequence):
                found = outcomes[replica * job.sequence + rank].logits[number]
                rows = slice(replica * job.batch, (replica + 1) * job.batch)
                assert differs(found, wanted[rows, bounds[rank] : bounds[rank + 1]]) <= 1e-10, job


def test_some_slice_has_no_hidden_base_and_counts_differ():
    """What the other tests rest on: masks are as uneven as can be."""
    genome = MemoryGenome({"chr1": letters()})
    order = TrainingOrder(genome, [Interval("chr1", 0, len(letters()))], WINDOW, 0.2, 0.5, seed=5)
    windows = TrainingWindows(order, MaskingSettings(0.15, 0.8, 0.1), STEPS, 4)
    bounds = slice_bounds(WINDOW, 4)
    counts = [[int(windows[index].hidden[begin:end].sum()) for begin, end in pairwise(bounds)] for index in range(4)]
    assert any(0 in of_window for of_window in counts)
    assert len({sum(of_window) for of_window in counts}) > 1


def test_what_is_no_number_in_one_process_stops_all(tmp_path):
    with pytest.raises(NumericalError, match="step 2: the loss is nan"):
        run_all([Job(1, 2, spoil=1)], tmp_path, 2)
