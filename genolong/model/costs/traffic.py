"""Bytes that a device receives from the others in a training step: keys and their gradients, halos, weights."""

from typing import NamedTuple

from genolong.model.attention.geometry import Branch
from genolong.model.costs.step import Step, weights
from genolong.parallel.slices import shared_segments

STATE_BYTES = 4  # of one number of a state, of a weight and of a gradient, whatever the precision of products


class Traffic(NamedTuple):
    """Received by the device that receives most, in one optimizer step; `branches` in the encoder's order."""

    branches: tuple[tuple[Branch, int], ...]
    halos: int
    weights: int

    @property
    def all(self) -> int:
        return sum(received for _, received in self.branches) + self.halos + self.weights


def traffic(step: Step) -> Traffic:
    """Keys and values come once for every time that a block is run, and once more in its backward pass.

    There their gradients come back, too. Halos come once a run, their gradients once.
    """
    runs, layers = step.runs_of_blocks, step.encoder.layers
    rounds = step.accumulation * (runs + 2 * layers)
    keys = [[rounds * size for size in per_process(step, branch, also=-1)] for branch in step.branches]
    halo = step.encoder.kernel // 2 * step.encoder.width * step.batch * STATE_BYTES
    halos = [step.accumulation * (runs + layers) * halo * sides for sides in _sides(step.sequence)]
    most = max(range(step.sequence), key=lambda process: halos[process] + sum(sizes[process] for sizes in keys))
    branches = tuple((branch, sizes[most]) for branch, sizes in zip(step.branches, keys, strict=True))
    return Traffic(branches, halos[most], _of_weights(step))


def _sides(processes: int) -> list[int]:
    """How many neighbours each process has."""
    return [(process > 0) + (process < processes - 1) for process in range(processes)]


def per_process(step: Step, branch: Branch, *, also: int) -> list[int]:
    """Bytes of all messages of the branch's shared segments, for every process of a window.

    One message each from every process of a segment that a process takes part in, and `also` more. A message holds keys
    and values of all heads, as many rows as the process with most of them has.
    """
    row = 2 * step.batch * step.encoder.width * (2 if step.half else 4)
    found = [0] * step.sequence
    for segment in shared_segments(step.bounds, branch.segment):
        message = segment.rows(step.bounds, branch.dilation) * row
        for process in range(segment.first, segment.last + 1):
            found[process] += (segment.processes + also) * message
    return found


def _of_weights(step: Step) -> int:
    """A ring's share: gradients are reduced and spread, or, of shared weights, reduced once and gathered every run."""
    others = (step.devices - 1) / step.devices
    size = STATE_BYTES * weights(step.encoder).all
    if step.share_weights:
        gathers = step.runs_of_blocks / step.encoder.layers + 1
        return round(step.accumulation * (gathers + 1) * others * size)
    return round(2 * others * size)
