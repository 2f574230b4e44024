"""Estimates the time of a training step at given rates, and its bottleneck: arithmetic, memory, messages or a CPU."""

from typing import NamedTuple

from genolong.model.costs.flops import flops
from genolong.model.costs.kept import kept_rows
from genolong.model.costs.starts import starts
from genolong.model.costs.step import Step, weights
from genolong.model.costs.traffic import STATE_BYTES, traffic

PASSES = 3  # over memory, for what a block keeps: it is written once, and read about twice


class Rates(NamedTuple):
    """A device's rates per second: operations, bytes to and from its memory, and bytes from other devices.

    `start` is the time in seconds that a CPU takes to start an operation on it; 0 for a CPU itself.
    """

    operations: float
    moved: float
    received: float
    start: float


class Seconds(NamedTuple):
    """An estimate, as if nothing overlapped but the work of a CPU that starts operations on a GPU."""

    arithmetic: float
    memory: float
    link: float
    starting: float

    @property
    def all(self) -> float:
        return max(self._of_device, self.starting)

    @property
    def limit(self) -> str:
        """The name of the part that takes longest."""
        if self.starting > self._of_device:
            return "starting"
        return max(("arithmetic", "memory", "link"), key=lambda name: getattr(self, name))

    @property
    def _of_device(self) -> float:
        return self.arithmetic + self.memory + self.link


def seconds(step: Step, rates: Rates) -> Seconds:
    """The time of the busiest device."""
    return Seconds(
        flops(step).all / rates.operations, bytes_moved(step) / rates.moved, traffic(step).all / rates.received,
        starts(step) * rates.start,
    )  # fmt: skip


def bytes_moved(step: Step) -> int:
    """Approximate bytes between a device and its memory; a backward pass moves twice as many as a forward pass.

    The optimizer reads and writes every weight, its gradient and two numbers of state.
    """
    runs = step.runs_of_blocks + 2 * step.encoder.layers
    share = step.devices if step.share_weights else 1
    of_blocks = PASSES * runs * kept_rows(step).block * step.batch * step.longest_slice
    return step.accumulation * of_blocks + 8 * STATE_BYTES * weights(step.encoder).all // share
