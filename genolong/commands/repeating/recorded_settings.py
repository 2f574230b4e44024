"""A record's settings, checked like typed ones and adapted to repeat the run from its start in another folder."""

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any, TypeVar

from omegaconf import OmegaConf

from genolong.commands.repeating.reproduce_settings import ReproduceSettings
from genolong.composing import FOLDERS, defaults_of
from genolong.errors import InputError, SettingsError, UnsafeInputError
from genolong.harmless import entries
from genolong.settings import check, known_keys, refuse_active

Schema = TypeVar("Schema")


def recorded_settings(
    record: Mapping[str, Any], made_by: str, schema: type[Schema], asked: ReproduceSettings, folder: Path
) -> tuple[Schema, tuple[str, ...]]:
    """The settings, and notes on those missing from the record, which get their defaults.

    Attention uses PyTorch's kernels if the run did (or did not record them): these exist everywhere. A record may come
    from a stranger, so it cannot choose where files are written, or send anything anywhere. Raises SettingsError or
    UnsafeInputError naming the record and the setting.
    """
    _refuse_unused(record["settings"], asked)
    try:
        refuse_active(record["settings"])
        own = _copied(record["settings"])
        unknown = _filled(own, made_by, schema)
        if record.get("attention", "aten") == "aten":
            (own if made_by == "evaluate" else own["trainer"])["attention"] = "aten"
        _place(own, asked, folder)
        return check(own, schema), unknown
    except UnsafeInputError as error:
        raise UnsafeInputError(f"{asked.record}: its settings: {error}") from error
    except (InputError, AttributeError, TypeError, ValueError) as error:
        raise InputError(f"{asked.record}: its settings do not match this version ({error})") from error


def _copied(node: Any) -> Any:
    return {key: _copied(value) for key, value in node.items()} if isinstance(node, Mapping) else node


def _filled(plain: dict[str, Any], made_by: str, schema: type) -> tuple[str, ...]:
    """Adds settings that a record of an earlier version lacks, and returns notes on them."""
    known = {key for key, _ in entries(plain)}
    missing = [key for key in known_keys(schema) if key not in known]
    if not missing:
        return ()
    defaults = OmegaConf.create(defaults_of(FOLDERS[made_by], made_by))
    notes = []
    for key in missing:
        *groups, last = key.split(".")
        node = plain
        for group in groups:
            node = node.setdefault(group, {})
        node[last] = OmegaConf.select(defaults, key)
        notes.append(f"{key}={node[last]}: not in the record, so the default is used")
    return tuple(notes)


def _place(plain: dict[str, Any], asked: ReproduceSettings, folder: Path) -> None:
    """Sets the places to write to, and replaces those to read from if new ones are named."""
    plain["debug"] = asked.debug
    if "resume" in plain:
        plain["resume"] = "no"
    if "max_time" in plain.get("trainer", {}):
        plain["trainer"]["max_time"] = None  # the same number of steps, however long they take here
    if "run" in plain:
        plain["run"] = {"name": "reproduced", "folder": "runs"}
    if "logger" in plain:
        plain["logger"]["wandb"] = False
    for name in ("output", "skipped_to"):
        if plain.get(name) is not None:
            plain[name] = str(folder / _name(name, plain[name]))
    plain["data"]["cache"] = asked.data.cache
    if asked.data.paths:
        plain["data"]["fasta"] = asked.data.paths
    for setting, (node, key) in _used(plain).items():
        if getattr(asked, setting) is not None:
            node[key] = getattr(asked, setting)


def _used(plain: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    """Where the settings of a run name the VCF and the model that it may have used."""
    of_head = "init_from" in plain
    of_vcf = plain.get("data") if of_head else plain
    return {"vcf": (of_vcf, "vcf"), "model": (plain, "init_from" if of_head else "model")}


def _refuse_unused(plain: Mapping[str, Any], asked: ReproduceSettings) -> None:
    """Raises SettingsError if a new place is named for a VCF or model that the run did not use."""
    for setting, (node, key) in _used(plain).items():
        value = getattr(asked, setting)
        if value is not None and isinstance(node, Mapping) and not isinstance(node.get(key), str):
            raise SettingsError(f"{setting}={value}: {asked.run} was made without one; leave it out")


def _name(setting: str, path: Any) -> str:
    name = PurePath(path).name
    if name in ("", ".."):
        raise InputError(f"{setting}={path}: wanted the path of a file")
    return name
