"""Estimates the time of a training step at given rates, and its bottleneck: arithmetic, memory or other devices."""

from typing import NamedTuple

from genolong.model.costs.flops import flops
from genolong.model.costs.kept import kept_rows
from genolong.model.costs.step import Step, weights
from genolong.model.costs.traffic import STATE_BYTES, traffic

PASSES = 3  # over memory, for what a block keeps: it is written once, and read about twice


class Rates(NamedTuple):
    """A device's rates per second: operations, bytes to and from its memory, and bytes from other devices."""

    operations: float
    moved: float
    received: float


class Seconds(NamedTuple):
    """An estimate, as if nothing overlapped."""

    arithmetic: float
    memory: float
    link: float

    @property
    def all(self) -> float:
        return sum(self)

    @property
    def limit(self) -> str:
        """The name of the part that takes longest."""
        return max(self._fields, key=lambda name: getattr(self, name))


def seconds(step: Step, rates: Rates) -> Seconds:
    """The time of the busiest device."""
    return Seconds(
        flops(step).all / rates.operations, bytes_moved(step) / rates.moved, traffic(step).all / rates.received
    )  # fmt: skip


def bytes_moved(step: Step) -> int:
    """Approximate bytes between a device and its memory; a backward pass moves twice as many as a forward pass.

    The optimizer reads and writes every weight, its gradient and two numbers of state.
    """
    runs = step.runs_of_blocks + 2 * step.encoder.layers
    share = step.devices if step.share_weights else 1
    of_blocks = PASSES * runs * kept_rows(step).block * step.batch * step.longest_slice
    return step.accumulation * of_blocks + 8 * STATE_BYTES * weights(step.encoder).all // share
