"""A process's rank, the number of processes, and the address where they meet."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from genolong.errors import SettingsError


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
    size = _number(told, "WORLD_SIZE")
    address = f"{told.get('MASTER_ADDR', 'localhost')}:{_number(told, 'MASTER_PORT', default=29500)}"
    local_size = _number(told, "LOCAL_WORLD_SIZE", default=size)
    return Place(_number(told, "RANK"), size, _number(told, "LOCAL_RANK"), local_size, address)


def _by_slurm(told: Mapping[str, str]) -> Place | None:
    if any(name not in told for name in ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID")):
        return None
    if "SLURM_JOB_ID" in told and "SLURM_STEP_ID" not in told:
        return None  # the batch script itself is one process, however many tasks it may start with srun
    size = _number(told, _of_step(told, "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"))
    local_size = -(-size // _number(told, _of_step(told, "SLURM_STEP_NUM_NODES", "SLURM_NNODES"), default=1))
    nodes = told.get("SLURM_STEP_NODELIST") or told.get("SLURM_JOB_NODELIST") or told.get("SLURM_NODELIST", "localhost")
    host = told.get("MASTER_ADDR", first_node(nodes))
    port = 15000 + _number(told, "SLURM_JOB_ID") % 10000 if "SLURM_JOB_ID" in told else 29500  # jobs share machines
    address = f"{host}:{_number(told, 'MASTER_PORT', default=port)}"
    return Place(_number(told, "SLURM_PROCID"), size, _number(told, "SLURM_LOCALID"), local_size, address)


def _of_step(told: Mapping[str, str], step: str, job: str) -> str:
    """The step's variable, if it is set: an interactive step has one of the job's tasks."""
    return step if step in told else job


def _number(told: Mapping[str, str], name: str, default: int | None = None) -> int:
    """The value of a variable; raises SettingsError if it is no number."""
    if name not in told and default is not None:
        return default
    if not told[name].isdecimal():
        raise SettingsError(f"{name}={told[name]}: wanted a number, as torchrun and SLURM set it; unset it")
    return int(told[name])


def first_node(nodes: str) -> str:
    """The first node in SLURM's list of nodes: node007 in node[007-012,15],other."""
    first = re.match(r"[^,\[]*(?:\[[^\]]*\][^,\[]*)?", nodes)
    return re.sub(r"\[([^],-]*)[^]]*\]", r"\1", first[0]) if first else nodes
