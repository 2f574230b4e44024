"""How long a training step takes at given rates, and what it waits for: arithmetic, memory or the other devices."""

from typing import NamedTuple

from genolong.model.costs.flops import flops
from genolong.model.costs.kept import kept_rows
from genolong.model.costs.step import Step, weights
from genolong.model.costs.traffic import STATE_BYTES, traffic

PASSES = 3  # over memory, of what is kept of a block: it is written once, and read about twice


class Rates(NamedTuple):
    """What a device reaches: operations, bytes between it and its memory, bytes from other devices, all a second."""

    operations: float
    moved: float
    received: float


class Seconds(NamedTuple):
    """An estimate, as if nothing went on at the same time."""

    arithmetic: float
    memory: float
    link: float

    @property
    def all(self) -> float:
        return sum(self)

    @property
    def limit(self) -> str:
        """What takes longest."""
        return max(self._fields, key=lambda name: getattr(self, name))


def seconds(step: Step, rates: Rates) -> Seconds:
    """Of the device that has most to do."""
    return Seconds(
        flops(step).all / rates.operations, bytes_moved(step) / rates.moved, traffic(step).all / rates.received
    )  # fmt: skip


def bytes_moved(step: Step) -> int:
    """Between a device and its memory, about: a backward pass moves twice what the forward pass does.

    The optimizer reads and writes every weight, its gradient and two numbers of state.
    """
    runs = step.runs_of_blocks + 2 * step.encoder.layers
    share = step.devices if step.share_weights else 1
    of_blocks = PASSES * runs * kept_rows(step).block * step.batch * step.longest_slice
    return step.accumulation * of_blocks + 8 * STATE_BYTES * weights(step.encoder).all // share
