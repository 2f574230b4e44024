"""Random numbers for synthetic genomes: the same on every machine and in every version of numpy."""

import numpy as np
from jaxtyping import Float64, Int64


class Chance:
    """A stream of random numbers made from the raw words of PCG64, which numpy promises never to change."""

    def __init__(self, seed: int) -> None:
        self._words = np.random.PCG64(seed)

    def uniform(self, *shape: int) -> Float64[np.ndarray, "..."]:
        words = self._words.random_raw(int(np.prod(shape))) >> np.uint64(11)
        return words.reshape(shape) * 2.0**-53

    def integers(self, low: int, high: int, count: int) -> Int64[np.ndarray, " count"]:
        """Integers from `low` to `high` - 1."""
        return low + (self.uniform(count) * (high - low)).astype(np.int64)

    def waits(self, rate: float, count: int) -> Int64[np.ndarray, " count"]:
        """Numbers of trials until the first success, which counts too; each trial succeeds with probability `rate`."""
        return 1 + np.floor(np.log1p(-self.uniform(count)) / np.log1p(-rate)).astype(np.int64)

    def order(self, count: int) -> Int64[np.ndarray, " count"]:
        return np.argsort(self.uniform(count), kind="stable")
