"""A process finds its place in the variables that torchrun or SLURM leaves it, and nowhere else."""

import os

import pytest

from genolong.errors import SettingsError
from genolong.parallel.place import Place, first_node

TORCHRUN = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}
SLURM = {"SLURM_PROCID": "5", "SLURM_NTASKS": "8", "SLURM_LOCALID": "1"}
STEP = {"SLURM_JOB_ID": "1234567", "SLURM_STEP_ID": "0", "SLURM_NNODES": "2", "SLURM_STEP_NODELIST": "gpu[07-08],x"}


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch):
    for name in list(os.environ):
        if name.startswith("SLURM_") or name in (*TORCHRUN, "MASTER_ADDR", "MASTER_PORT"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(("told", "place"), [
    ({}, None),
    (TORCHRUN, Place(5, 8, 1, 4, "localhost:29500")),
    (TORCHRUN | {"MASTER_ADDR": "gpu07", "MASTER_PORT": "7777"}, Place(5, 8, 1, 4, "gpu07:7777")),
    (TORCHRUN | SLURM | {"RANK": "6"}, Place(6, 8, 1, 4, "localhost:29500")),
    (TORCHRUN | {"RANK": "0", "WORLD_SIZE": "1"}, None),
    ({"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}, Place(1, 2, 1, 2, "localhost:29500")),
    (SLURM, Place(5, 8, 1, 8, "localhost:29500")),
    (SLURM | STEP, Place(5, 8, 1, 4, "gpu07:19567")),
    (SLURM | STEP | {"MASTER_ADDR": "a", "MASTER_PORT": "7"}, Place(5, 8, 1, 4, "a:7")),
    (SLURM | STEP | {"SLURM_NNODES": "3"}, Place(5, 8, 1, 3, "gpu07:19567")),
    (SLURM | STEP | {"SLURM_NTASKS": "16", "SLURM_STEP_NUM_TASKS": "8"}, Place(5, 8, 1, 4, "gpu07:19567")),
    (SLURM | STEP | {"SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NUM_NODES": "1"}, Place(5, 2, 1, 2, "gpu07:19567")),
    (SLURM | STEP | {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1"}, None),  # an interactive shell of a job of 8
    (SLURM | {"SLURM_PROCID": "0", "SLURM_NTASKS": "1"}, None),
    (SLURM | {"SLURM_JOB_ID": "7"}, None),  # a batch script, which srun did not start
    ({"SLURM_PROCID": "5", "SLURM_NTASKS": "8"}, None),
])  # fmt: skip
def test_the_place_is_what_the_variables_say(monkeypatch, told, place):
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert Place.joined() == place


@pytest.mark.parametrize(("told", "name"), [
    (SLURM | {"SLURM_NTASKS": "abc"}, "SLURM_NTASKS=abc"),
    (SLURM | STEP | {"SLURM_NNODES": ""}, "SLURM_NNODES="),
    (TORCHRUN | {"MASTER_PORT": "-1"}, "MASTER_PORT=-1"),
])  # fmt: skip
def test_a_variable_that_is_no_number_is_named(monkeypatch, told, name):
    for each, value in told.items():
        monkeypatch.setenv(each, value)
    with pytest.raises(SettingsError) as caught:
        Place.joined()
    assert str(caught.value) == f"{name}: wanted a number, as torchrun and SLURM set it; unset it"


@pytest.mark.parametrize(("nodes", "first"), [
    ("localhost", "localhost"), ("a,b", "a"), ("gpu[07-08,11]", "gpu07"), ("gpu[3,5]", "gpu3"), ("gpu[3]", "gpu3"),
    ("rack-2-gpu[11-12].cluster,other", "rack-2-gpu11.cluster"), ("a-1,b[2-3]", "a-1"),
])  # fmt: skip
def test_the_first_node_of_a_list(nodes, first):
    assert first_node(nodes) == first


def test_alone_is_the_first_of_one():
    assert Place.alone() == Place(rank=0, size=1, local_rank=0, local_size=1, address="")
