"""A process's rank, the number of processes, and the address where they meet."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """A process among `size`; the `local_` numbers count processes of its machine, the address is "host:port"."""

    rank: int
    size: int
    local_rank: int
    local_size: int
    address: str

    @classmethod
    def alone(cls) -> "Place":
        """A single process, without an address."""
        return cls(0, 1, 0, 1, "")

    @classmethod
    def joined(cls) -> "Place | None":
        """The place that torchrun or SLURM assigned to this process; None if neither did or it is the only process."""
        place = _by_torchrun(os.environ) or _by_slurm(os.environ)
        return place if place and place.size > 1 else None


def _by_torchrun(told: Mapping[str, str]) -> Place | None:
    if any(name not in told for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")):
        return None
    size = int(told["WORLD_SIZE"])
    address = f"{told.get('MASTER_ADDR', 'localhost')}:{told.get('MASTER_PORT', '29500')}"
    return Place(int(told["RANK"]), size, int(told["LOCAL_RANK"]), int(told.get("LOCAL_WORLD_SIZE", size)), address)


def _by_slurm(told: Mapping[str, str]) -> Place | None:
    if any(name not in told for name in ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID")):
        return None
    if "SLURM_JOB_ID" in told and "SLURM_STEP_ID" not in told:
        return None  # the batch script itself is one process, however many tasks it may start with srun
    size = int(told.get("SLURM_STEP_NUM_TASKS", told["SLURM_NTASKS"]))  # an interactive step has one of the job's tasks
    local_size = -(-size // int(told.get("SLURM_STEP_NUM_NODES", told.get("SLURM_NNODES", "1"))))
    nodes = told.get("SLURM_STEP_NODELIST") or told.get("SLURM_JOB_NODELIST") or told.get("SLURM_NODELIST", "localhost")
    host = told.get("MASTER_ADDR", first_node(nodes))
    port = 15000 + int(told["SLURM_JOB_ID"]) % 10000 if "SLURM_JOB_ID" in told else 29500  # jobs share machines
    return Place(
        int(told["SLURM_PROCID"]),
        size,
        int(told["SLURM_LOCALID"]),
        local_size,
        f"{host}:{told.get('MASTER_PORT', port)}",
    )


def first_node(nodes: str) -> str:
    """The first node in SLURM's list of nodes: node007 in node[007-012,15],other."""
    first = re.match(r"[^,\[]*(?:\[[^\]]*\][^,\[]*)?", nodes)
    return re.sub(r"\[([^],-]*)[^]]*\]", r"\1", first[0]) if first else nodes
