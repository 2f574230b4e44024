"""Checks by sha256 that the inputs in a record, files and model, are still the same."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genolong.commands.reading.file_titles import TITLES, renamed
from genolong.commands.reading.trained_run import open_run
from genolong.commands.repeating.reproduce_settings import ReproduceSettings
from genolong.errors import InputError, MissingInputError
from genolong.genome.fasta import titles_of
from genolong.genome.files.hashed import sha256_of

NAMED = "(data.fasta=, vcf=)"  # the settings for new locations


def check_inputs(record: Mapping[str, Any], asked: ReproduceSettings) -> None:
    """Raises MissingInputError or InputError for the first file that is missing or has changed.

    Files given by new names (data.fasta=, vcf=) may be anywhere, but must have the same content, in the same order.
    """
    beds = _hashes(record, "regions_sha256", asked)
    wanted = {**_hashes(record, "inputs_sha256", asked), **beds}
    named = {_sha256(path): path for path in (*asked.data.paths, asked.vcf) if path is not None}
    for path, sha256 in wanted.items():
        if sha256 in named:
            continue
        remedy = "put it back" if path in beds else f"name its new location {NAMED}"
        now = _sha256(path, f"is no longer there; {remedy}")
        if now != sha256:
            remedy = "put back the file that was read" if path in beds else f"name the file that was read {NAMED}"
            raise InputError(
                f"{path}: its content has changed since (sha256 {sha256[:12]}… then, {now[:12]}… now); {remedy}"
            )
    for sha256, path in named.items():
        if sha256 not in wanted.values():
            raise InputError(
                f"{path}: is not one of the files that were read (sha256 {sha256[:12]}…): {_listed(wanted)}"
            )
    if [sha256 for sha256 in wanted.values() if sha256 in named] != list(named):
        raise InputError(f"data.fasta: wanted the files in the order in which they were read: {_listed(wanted)}")


def check_titles(record: Mapping[str, Any], asked: ReproduceSettings) -> None:
    """Raises InputError if newly named FASTA files would change the names of contigs."""
    then, named = record.get(TITLES), asked.data.paths
    if isinstance(then, list) and named and then != (now := titles_of(list(map(Path, named)))):
        raise InputError(f"data.fasta: {renamed([str(each) for each in then], now)}")


def check_model(record: Mapping[str, Any], model: str | None) -> None:
    """Raises InputError if the model's weights have changed."""
    wanted = record.get("init_from_sha256", record.get("model_sha256"))
    if model is None or wanted is None:
        return
    now = open_run(model).weights_sha256
    if now != wanted:
        raise InputError(
            f"{model}: its weights are not those that were used (sha256 {str(wanted)[:12]}… then, {now[:12]}… now); "
            "name the checkpoint that has them (model=)"
        )


def _hashes(record: Mapping[str, Any], name: str, asked: ReproduceSettings) -> dict[str, str]:
    hashes = record.get(name, {})
    if not isinstance(hashes, dict) or not all(isinstance(each, str) for each in hashes.values()):
        raise InputError(f"{asked.record}: {name} holds no sha256 of files; wanted the record of a run")
    return hashes


def _sha256(path: str, missing: str = "does not exist; check its spelling") -> str:
    try:
        return sha256_of(path)
    except FileNotFoundError as error:
        raise MissingInputError(f"{path}: {missing}") from error
    except OSError as error:
        raise MissingInputError(f"{path}: cannot be read ({error.strerror})") from error


def _listed(wanted: Mapping[str, str]) -> str:
    return ", ".join(f"{Path(path).name} {sha256[:12]}…" for path, sha256 in wanted.items())
