"""Small trainings to be interrupted and resumed, and all that decides how they go on, as one hash."""

import csv
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir

from genolong.runs.checkpoint import load_all
from genolong.settings import CONF, TrainSettings, train_settings
from tests.builders.genomes import random_letters

TINY = (
    "model.width=6", "model.layers=1", "model.heads=3", "model.segment=7", "model.dropout=0.2", "context.window_bp=29",
    "context.batch=2", "optimizer.warmup_steps=5", "data.workers=0", "data.validation_windows=2",
    "logger.tensorboard=false",
)  # fmt: skip


def overrides(home: Path, *more: str) -> list[str]:
    """Settings of a training on a genome in `home`, which is made."""
    fasta = home / "genome.fa"
    if not fasta.exists():
        fasta.write_text(">one\n" + random_letters(811, seed=1) + "\n>two\n" + random_letters(401, seed=2) + "\n")
    return [*TINY, f"data.fasta={fasta}", f"data.cache={home / 'cache'}", f"run.folder={home / 'runs'}", *more]


def settings_of(home: Path, *more: str) -> TrainSettings:
    with initialize_config_dir(str(CONF.resolve()), version_base="1.3"):
        return train_settings(compose("train", overrides(home, *more)))


def state_sha256(folder: Path) -> str:
    """One hash of weights, their running mean, the optimizer's state and the schedule in a run's last checkpoint."""
    _, checkpoint = load_all(folder / "checkpoints" / "last.ckpt")
    digest = hashlib.sha256()
    kept = ("state_dict", "current_model_state", "averaging_state", "optimizer_states", "lr_schedulers", "global_step")
    for name, value in _values({name: checkpoint.get(name) for name in kept}):
        what = value.contiguous().view(-1).view(torch.uint8).numpy().tobytes() if torch.is_tensor(value) else value
        digest.update(f"{name} ".encode() + (what if isinstance(what, bytes) else repr(what).encode()))
    return digest.hexdigest()


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def record_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "record.json").read_text())


def assert_same(folder: Path, whole: Path) -> None:
    """That a run left, to the bit, what another one did."""
    assert state_sha256(folder) == state_sha256(whole)
    assert rows_of(folder) == rows_of(whole)
    one, other = (record_of(path) for path in (folder, whole))
    same = {"steps", "bases", "metrics", "weights_sha256", "status", "alleles", "zero_shot"} & set(other)
    assert {name: one[name] for name in same} == {name: other[name] for name in same}


def at_step(whole: Path, folder: Path, step: int) -> Path:
    """A run's folder as a kill right after the checkpoint of `step`, and a little later, leaves it."""
    shutil.copytree(whole, folder, symlinks=True)
    checkpoints = folder / "checkpoints"
    for path in checkpoints.glob("step-*.ckpt"):
        if int(path.stem[5:]) > step:
            path.unlink()
    (checkpoints / "last.ckpt").unlink()
    (checkpoints / "last.ckpt").symlink_to(f"step-{step:08d}.ckpt")
    if not (checkpoints / "best.ckpt").exists():
        (checkpoints / "best.ckpt").unlink()
    record = {**record_of(folder), "status": "started"}
    (folder / "record.json").write_text(json.dumps(record))
    return folder


def _values(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key in node:
            yield from _values(node[key], f"{prefix}.{key}")
    elif isinstance(node, (list, tuple)):
        for at, value in enumerate(node):
            yield from _values(value, f"{prefix}.{at}")
    else:
        yield prefix, node.reshape(-1) if torch.is_tensor(node) else node
