"""The data × sequence mesh told to Lightning: who reads which windows, and which slice of each."""

from typing import Any

from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from pytorch_lightning.strategies import DDPStrategy

from genolong.parallel.place import Place
from genolong.parallel.shard import SequenceShard


class PlaceEnvironment(ClusterEnvironment):
    """What Lightning asks a cluster, answered by a place that is known already."""

    def __init__(self, place: Place) -> None:
        self._place = place

    @property
    def creates_processes_externally(self) -> bool:
        return True

    @property
    def main_address(self) -> str:
        return self._place.address.rpartition(":")[0]

    @property
    def main_port(self) -> int:
        return int(self._place.address.rpartition(":")[2])

    @staticmethod
    def detect() -> bool:
        return False

    def world_size(self) -> int:
        return self._place.size

    def set_world_size(self, size: int) -> None:
        assert size == self._place.size

    def global_rank(self) -> int:
        return self._place.rank

    def set_global_rank(self, rank: int) -> None:
        """Known already."""

    def local_rank(self) -> int:
        return self._place.local_rank

    def node_rank(self) -> int:
        return self._place.rank // self._place.local_size


class SequenceParallelStrategy(DDPStrategy):
    """Groups of neighbouring processes read windows together, each its slice; the groups read different windows.

    In Lightning's terms a group is one replica of the data; weights are averaged over all processes. They have met
    already, and `shard` is what this one holds: the module and its data module are told.

        process    0 1 2 3 | 4 5 6 7      groups of 4
        slice      0 1 2 3 | 0 1 2 3
        replica       0    |    1
    """

    def __init__(self, place: Place, shard: SequenceShard) -> None:
        super().__init__(cluster_environment=PlaceEnvironment(place))
        self.shard = shard

    def setup_environment(self) -> None:
        """Hands out the shard, where Lightning would let processes meet."""
        super().setup_environment()
        module = self.lightning_module
        assert module is not None
        for part in (module, module.trainer.datamodule):  # type: ignore[attr-defined]
            if part is not None:
                part.shard = self.shard  # type: ignore[assignment]

    @property
    def distributed_sampler_kwargs(self) -> dict[str, Any]:
        """Which of how many different windows a process reads."""
        sequence = self.shard.group.size
        return {"num_replicas": self.world_size // sequence, "rank": self.global_rank // sequence}

    def _configure_launcher(self) -> None:
        """All processes run already."""
