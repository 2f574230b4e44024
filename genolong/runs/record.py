"""The record of a run or output file (settings, hashes, versions, seed, threads), written next to it."""

import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from genolong.errors import InputError, LostProcessError, MissingInputError
from genolong.genome.files.partial_file import write_whole
from genolong.nearest import MOST, SHOWN, near_names, nearest_path, nearest_run, suggested
from genolong.parallel.causes import breaks_connection
from genolong.parallel.stopped import Stopped
from genolong.runs.exported import is_exported
from genolong.runs.folder import RECORD

PACKAGES = (
    "genolong", "torch", "pytorch-lightning", "torchmetrics", "hydra-core", "omegaconf", "numpy", "pyfaidx", "pysam",
    "biopython", "pyarrow", "pybigtools",
)  # fmt: skip

LONGEST_DIFF = 1 << 20  # bytes; only the hash of a longer git diff is kept
LARGEST = 1 << 24  # bytes of a record, at most


def started(
    made_by: str, settings: Mapping[str, Any], inputs: Mapping[str, str], regions: Mapping[str, str] | None = None,
    begun: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The record of a command that starts; `inputs` and `regions` (BED files) map each file to its sha256.

    `begun` is the start time in the format of `now`; None: now.
    """
    return {
        "status": "started",
        "started": begun or now(),
        "made_by": made_by,
        "command": sys.orig_argv,
        "settings": dict(settings),
        "seed": settings.get("seed"),
        "inputs_sha256": dict(inputs),
        "regions_sha256": dict(regions or {}),
        **surroundings(),
    }


def surroundings() -> dict[str, Any]:
    """Everything on this machine that a result could depend on: versions, hardware, code."""
    return {
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "machine": {
            "system": platform.platform(),
            "processor": platform.machine(),
            "vectors": torch.backends.cpu.get_cpu_capability(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        },
        "code": _code(Path(__file__).resolve().parents[2]),
    }


def finished(record: Mapping[str, Any], results: Mapping[str, Any]) -> dict[str, Any]:
    """The record completed with the run's results."""
    return {**record, "status": "finished", "finished": now(), **results}


@contextmanager
def recorded(folder: Path, record: Mapping[str, Any], trainer: Any) -> Iterator[None]:
    """If an error ends the context, writes it into the record, with the number of steps taken."""
    try:
        yield
    except BaseException as error:
        kind = LostProcessError if breaks_connection(error) else type(error)  # libraries raise various errors for this
        why = error.name if isinstance(error, Stopped) else kind.__name__
        with suppress(OSError):  # the disk may be full, and the error to report is that one
            write_record(folder, {**record, "status": f"stopped: {why}", "steps": trainer.global_step})
        raise


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Replaces a folder's record.json atomically: even after a power failure, the old or the new one is there."""
    write_json(folder / RECORD, record)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file atomically: the old one or the new one is there at any moment."""
    write_whole(path, (json.dumps(content, indent=1) + "\n").encode())


def beside(output: Path) -> Path:
    """The path of the record of an output file: x.vcf.gz.record.json, evaluation.record.json."""
    return output.with_name(f"{output.name.removesuffix('.json')}.{RECORD}")


def forget(output: Path) -> None:
    """Remove the record of an older output file, whose place a file without a record has taken."""
    beside(output).unlink(missing_ok=True)


def place_of_record(run: str) -> Path:
    """The path of a record, given a training's folder, an output file, or the record itself."""
    place = Path(run).expanduser()
    if place.is_dir():
        return place / RECORD
    return place if place.name.endswith(RECORD) else beside(place)


def maker(record: Mapping[str, Any]) -> str:
    """The command that wrote a record; records without that field are by earlier versions, of trainings."""
    return str(
        record.get("made_by", "train_variants" if record["settings"].get("task") == "variant_effect" else "train")
    )


def replicas(settings: Mapping[str, Any]) -> int:
    """Groups of devices that read different windows, by the settings of a training's record or checkpoint."""
    trainer, parallel = (settings.get(name) or {} for name in ("trainer", "parallel"))
    return trainer.get("devices", 1) // parallel.get("sequence", 1)


def read_record(path: Path) -> dict[str, Any]:
    """Reads a record; raises MissingInputError or InputError if the file is not one."""
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST + 1)
        record = json.loads(text) if len(text) <= LARGEST else None
    except FileNotFoundError as error:
        raise MissingInputError(f"{path}: no such record; {_instead(path)}") from error
    except OSError as error:
        raise MissingInputError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not JSON ({str(error)[:80]}); wanted the record of a run") from error
    if not isinstance(record, dict) or not isinstance(record.get("settings"), dict):
        raise InputError(f"{path}: holds no settings; wanted the record of a run")
    return record


def _instead(path: Path) -> str:
    """What to name instead of a place without a record."""
    if path.name == RECORD and is_exported(path.parent):
        return "an exported model has none; name the run that it was exported from"
    output = path.with_name(path.name.removesuffix(f".{RECORD}"))
    near = nearest_run(path.parent) or _nearest_output(output)
    near = near or ("; work on a pipe leaves none" if output.exists() else nearest_path(output))
    return f"name a run's folder, or a file that has one next to it{near}"


def _nearest_output(output: Path) -> str:
    """A suggestion of files with records in this folder: of the same stem, like a map's, or the name that was meant."""
    end = f".{RECORD}"
    names = sorted(each.name.removesuffix(end) for each in islice(output.parent.glob(f"*{end}"), MOST))
    of_stem = [name for name in names if name.partition(".")[0] == output.name.partition(".")[0]]
    meant = [] if output.exists() else near_names(output.name, names, close=0.8)
    found = [output.with_name(name) for name in of_stem[:SHOWN] or meant]
    return suggested([str(each if each.exists() else each.with_name(f"{each.name}.json")) for each in found])


def now() -> str:
    """The current time, in the format of records."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def _code(folder: Path) -> dict[str, str | None] | None:
    """The commit of the checkout that this package runs from, and its uncommitted changes; None for an installed wheel.

    Cached: the running code was read when the process began.
    """
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
