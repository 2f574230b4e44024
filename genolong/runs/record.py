"""What made this run: settings, hashes, versions, seed, threads."""

import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from genolong.genome.partial_file import PartialFile

PACKAGES = (
    "genolong", "torch", "pytorch-lightning", "torchmetrics", "hydra-core", "omegaconf", "numpy", "pyfaidx", "pysam",
    "biopython",
)  # fmt: skip

LONGEST_DIFF = 1 << 20  # bytes; of a longer git diff only its hash is kept


def started(settings: Mapping[str, Any], seed: int, inputs: Mapping[str, str]) -> dict[str, Any]:
    """The record of a run that begins now; `inputs` maps each file that is read to its sha256."""
    return {
        "status": "started",
        "started": _now(),
        "command": sys.orig_argv,
        "settings": dict(settings),
        "seed": seed,
        "inputs_sha256": dict(inputs),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "machine": {
            "system": platform.platform(),
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        },
        "code": _code(Path(__file__).resolve().parents[2]),
    }


def finished(record: Mapping[str, Any], results: Mapping[str, Any]) -> dict[str, Any]:
    """The same record with what came out of the run."""
    return {**record, "status": "finished", "finished": _now(), **results}


@contextmanager
def recorded(folder: Path, record: Mapping[str, Any], trainer: Any) -> Iterator[None]:
    """Whatever ends this stands in the record, with the trainer's steps until then."""
    try:
        yield
    except BaseException as error:
        why = getattr(error, "name", None) or type(error).__name__
        with suppress(OSError):  # the disk may be full, which is what is to be told
            write_record(folder, {**record, "status": f"stopped: {why}", "steps": trainer.global_step})
        raise


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """record.json, replaced whole: also after a loss of power there is the old one or the new one."""
    file = PartialFile(folder / "record.json")
    try:
        file.write((json.dumps(record, indent=1) + "\n").encode())
        file.complete()
    except BaseException:
        file.discard()
        raise


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _code(folder: Path) -> dict[str, str | None] | None:
    """The commit of the checkout that this package runs from and what differs from it; None for an installed wheel."""
    if not (folder / ".git").exists():
        return None
    try:
        commit, diff = (_git(folder, *words) for words in (["rev-parse", "HEAD"], ["diff", "--no-ext-diff", "HEAD"]))
    except (OSError, subprocess.CalledProcessError):
        return None
    return {
        "commit": commit.decode().strip(),
        "diff": diff.decode(errors="replace") if len(diff) <= LONGEST_DIFF else None,  # null: too long to keep
        "diff_sha256": hashlib.sha256(diff).hexdigest(),
    }


def _git(folder: Path, *words: str) -> bytes:
    return subprocess.run(["git", "-C", str(folder), *words], capture_output=True, check=True).stdout
