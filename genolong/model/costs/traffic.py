"""Bytes that a device receives from others in a training step: keys, values and gradients, halos, weights."""

from typing import NamedTuple

from genolong.model.attention.geometry import Branch
from genolong.model.costs.step import Step, weights
from genolong.parallel.slices import shared_segments

STATE_BYTES = 4  # per number of a state, a weight or a gradient, whatever the precision of matrix products


class Traffic(NamedTuple):
    """Bytes received by the device that receives most, in one optimizer step; `branches` is in the encoder's order."""

    branches: tuple[tuple[Branch, int], ...]
    halos: int
    weights: int

    @property
    def all(self) -> int:
        return sum(received for _, received in self.branches) + self.halos + self.weights


def traffic(step: Step) -> Traffic:
    """The traffic of a step: keys and values once for each run of a block, and once more in its backward pass.

    The backward pass also returns their gradients. Halos are sent once per run, their gradients once.
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
    """The number of neighbours of each process."""
    return [(process > 0) + (process < processes - 1) for process in range(processes)]


def per_process(step: Step, branch: Branch, *, also: int) -> list[int]:
    """Bytes of all messages of the branch's shared segments, for every process of a window.

    For each segment that a process shares, one message from each process of that segment, and `also` more. A message
    holds keys and values of all heads, with as many rows as the process with the most rows has.
    """
    row = 2 * step.batch * step.encoder.width * (2 if step.half else 4)
    found = [0] * step.sequence
    for segment in shared_segments(step.bounds, branch.segment):
        message = segment.rows(step.bounds, branch.dilation) * row
        for process in range(segment.first, segment.last + 1):
            found[process] += (segment.processes + also) * message
    return found


def _of_weights(step: Step) -> int:
    """Bytes in a ring: an all-reduce of gradients; with shared weights, a reduce-scatter and a gather for every run."""
    others = (step.devices - 1) / step.devices
    size = STATE_BYTES * weights(step.encoder).all
    if step.share_weights:
        gathers = step.runs_of_blocks / step.encoder.layers + 1
        return round(step.accumulation * (gathers + 1) * others * size)
    return round(2 * others * size)
