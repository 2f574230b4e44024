"""Compares a repeated result with the recorded one: weights and metrics of trainings, figures or scores in files."""

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from genolong.commands.embeddings.embedding_table import read_table
from genolong.commands.evaluation.evaluated import read_figures
from genolong.genome.files.hashed import sha256_of
from genolong.genome.vcf import Record, VcfReader
from genolong.genome.vcf_header import info_types
from genolong.genome.vcf_info import field_values
from genolong.report.comparison import Pair, compared
from genolong.runs.metrics_log import NOT_METRICS, rows_of
from genolong.runs.record import maker


class Result(NamedTuple):
    """Whether the results are the same, a line on how they compare, and the cause of a difference, if it is certain."""

    same: bool
    line: str
    cause: str = ""


def compare_trainings(place: Path, then: Mapping[str, Any], folder: Path, now: Mapping[str, Any]) -> Result:
    """Compares the sha256 of all weights, and every figure in metrics.csv."""
    logged = _metrics(place)
    figures = compared(_named(logged, _metrics(folder)) if logged else ())
    of_metrics = f"in metrics.csv, {figures.line}" if logged else "there is no metrics.csv to compare with"
    if then.get("weights_sha256") == now["weights_sha256"]:
        same = f"the weights are the same to the last bit (sha256 {now['weights_sha256']}); {of_metrics}"
        return Result(not figures.unequal, same)
    return Result(False, f"the weights have a different sha256; {of_metrics}")


def compare_files(place: Path, then: Mapping[str, Any], now: Path) -> Result:
    """Compares the sha256 of the file, and if that differs every figure or score in it.

    The recorded file may have been changed since, or be gone.
    """
    sha256, wanted, before = sha256_of(now), then.get("output_sha256"), place / now.name
    intact = before.is_file() and sha256_of(before) == wanted
    if sha256 == wanted and before.is_file() and not intact:
        as_recorded = f"{now.name} is as the record says (sha256 {sha256})"
        return Result(False, as_recorded, f"{before} has changed since it was written")
    if sha256 == wanted:
        return Result(True, f"{now.name} is the same byte for byte (sha256 {sha256})")
    if not intact:
        return Result(False, f"{now.name} has a different sha256, and {before} is missing or has changed since")
    if maker(then) == "evaluate":
        pairs = _named(_figures(before), _figures(now))
    else:
        pairs = _embeddings(before, now) if now.suffix == ".parquet" else _scores(before, now)
    return Result(False, f"{now.name} has a different sha256; {compared(pairs).line}")


def _metrics(folder: Path) -> dict[str, float]:
    return {
        f"{name} at step {row['step']}": float(value)
        for row in rows_of(folder / "metrics.csv")
        for name, value in row.items()
        if name not in NOT_METRICS and value != ""
    }


def _figures(path: Path) -> dict[str, float]:
    return {figure.name: figure.value for figure in read_figures(path)}


def _named(then: Mapping[str, float], now: Mapping[str, float]) -> Iterator[Pair]:
    return (Pair(name, then.get(name), now.get(name)) for name in {**then, **now})


def _scores(then: Path, now: Path) -> Iterator[Pair]:
    """The numbers in all INFO fields of two VCFs, record by record."""
    with VcfReader(then) as before, VcfReader(now) as after:
        declared = info_types(after.header).items()
        keys = [name.encode() for name, kind in declared if kind in ("Float", "Integer")]
        for at, (one, other) in enumerate(zip_longest(before, after), 1):
            pair = [{} if record is None else _numbers(record, keys) for record in (one, other)]
            yield from (each._replace(name=f"{each.name} of record {at}") for each in _named(*pair))
            if one is None or other is None:
                yield Pair(f"record {at}", *(None if each is None else 1.0 for each in (one, other)))


def _embeddings(then: Path, now: Path) -> Iterator[Pair]:
    """The numbers in all rows of two tables."""
    for at, (one, other) in enumerate(zip_longest(read_table(then), read_table(now)), 1):
        if one is None or other is None:
            yield Pair(f"embedding {at}", *(None if each is None else 1.0 for each in (one, other)))
            continue
        for channel, (before, after) in enumerate(zip_longest(one[2].tolist(), other[2].tolist()), 1):
            yield Pair(f"channel {channel} of embedding {at} ({other[0]})", before, after)


def _numbers(record: Record, keys: list[bytes]) -> dict[str, float]:
    found = {}
    for key, values in field_values(record.info, keys).items():
        for at, value in enumerate(values.split(b","), 1):
            try:
                found[f"{key.decode()} of allele {at}"] = float(value)
            except ValueError:  # a dot: no value
                continue
    return found
