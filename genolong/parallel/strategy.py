"""Lightning strategy for the data × sequence mesh: which windows, and which slice, each process reads."""

from typing import Any

from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from pytorch_lightning.strategies import DDPStrategy

from genolong.parallel.place import Place
from genolong.parallel.shard import SequenceShard


class PlaceEnvironment(ClusterEnvironment):
    """Answers what Lightning asks about the cluster, from a known place."""

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
        """Does nothing: the place is known."""

    def local_rank(self) -> int:
        return self._place.local_rank

    def node_rank(self) -> int:
        return self._place.rank // self._place.local_size


class SequenceParallelStrategy(DDPStrategy):
    """Groups of neighbouring processes read windows together, each its slice; different groups read different windows.

    In Lightning's terms a group is one replica of the data; gradients are averaged over all processes. The processes
    are already connected. `shard` is this process's slice; it is passed to the module and its data module.

        process    0 1 2 3 | 4 5 6 7      groups of 4
        slice      0 1 2 3 | 0 1 2 3
        replica       0    |    1
    """

    def __init__(self, place: Place, shard: SequenceShard) -> None:
        super().__init__(cluster_environment=PlaceEnvironment(place))
        self.shard = shard

    def setup_environment(self) -> None:
        """Pass on the shard, at the point where Lightning sets up the processes."""
        super().setup_environment()
        module = self.lightning_module
        assert module is not None
        for part in (module, module.trainer.datamodule):  # type: ignore[attr-defined]
            if part is not None:
                part.shard = self.shard  # type: ignore[assignment]

    @property
    def distributed_sampler_kwargs(self) -> dict[str, Any]:
        """The number of replicas, and the number of this process's replica."""
        sequence = self.shard.group.size
        return {"num_replicas": self.world_size // sequence, "rank": self.global_rank // sequence}

    def _configure_launcher(self) -> None:
        """Does nothing: all processes are running."""
