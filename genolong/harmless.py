"""Refuses settings that could run code, read the environment, write elsewhere, or exhaust the memory."""

import re
from collections.abc import Collection, Iterator
from pathlib import Path, PurePath
from typing import Any

import yaml

from genolong.errors import SettingsError, UnsafeInputError

STREAMS = ("ext://sys.stdout", "ext://sys.stderr")
HYDRAS_OWN = ("hydra._internal.", "hydra_plugins.")  # launchers and sweepers, which Hydra creates by name
LOGGING = ("logging.StreamHandler", "logging.NullHandler", "logging.FileHandler", "logging.Formatter")
LOG_FILE = "${hydra.runtime.output_dir}/${hydra.job.name}.log"  # the only file that a FileHandler may write
FOLDERS = ("hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir", "hydra.output_subdir")
SHELL = ("setup", "python", "additional_parameters", "srun_args")  # launcher settings that end up in the job's script
LARGEST_BYTES = 1 << 20  # of a settings file, and of all values after references are looked up
DEEPEST = 50

# ${now:...} and ${hydra:...}, or a key; no nested references, which could spell any other name.
# `oc.env` is not allowed: it would copy secrets into the run's record.
_KNOWN = re.compile(r"\$\{\s*(?:(?:now|hydra)\s*:[^${}\\]*|([^:${}\\'\"]*))\}")
_HARMLESS_PART = re.compile(r"\$\{(?:run\.(?:folder|name)|now:[%\w-]*|hydra\.job\.\w+)\}")
_ODD_NUMBER = re.compile(r"[-+]?0[0-7_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")


def refuse_code(plain: Any, typed: Collection[str] = ()) -> None:
    """Raises UnsafeInputError for settings, including Hydra's own, that do more than choose values.

    `typed` are the keys given on the command line: a user may choose any folder, a file from elsewhere may not.
    """
    for key, value in entries(plain):
        if key.startswith(("hydra.overrides.", "hydra.job.override_dirname")):  # typed words; checked as settings
            continue
        if isinstance(value, str):
            refuse_lookups(key, value)
        _refuse_names_of_code(key, value)
        _refuse_other_places(key, value, typed)
    if _size_when_looked_up(plain) > LARGEST_BYTES:
        raise SettingsError(f"the settings are longer than {LARGEST_BYTES:,} characters once ${{...}} is looked up")


def refuse_lookups(key: str, value: str) -> None:
    """Raises UnsafeInputError if a value refers to anything but other settings."""
    for found in re.finditer(r"\$\{", value):
        if not _KNOWN.match(value, found.start()):
            name = re.split(r"[:}]", value[found.end() :], maxsplit=1)[0].strip()[:40]
            raise UnsafeInputError(f"{key}: ${{{name}:...}} is not looked up; write the value itself")


def refuse_large_file(path: Path) -> None:
    """Raises SettingsError for YAML that could exhaust the memory, or whose numbers mean other values than they show.

    Raises UnsafeInputError for references to anything but settings: in a list of defaults, Hydra looks them up before
    it composes anything.
    """
    if path.stat().st_size > LARGEST_BYTES:
        raise SettingsError(f"{path}: holds more than {LARGEST_BYTES:,} bytes; wanted a settings file")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: is not UTF-8 text; wanted a settings file") from error
    depth = 0
    for token in yaml.scan(text):
        line = token.start_mark.line + 1
        if isinstance(token, (yaml.AliasToken, yaml.AnchorToken)):
            raise SettingsError(f"{path}, line {line}: aliases (&, *) are not read; write the value itself")
        opens = isinstance(token, (yaml.FlowSequenceStartToken, yaml.FlowMappingStartToken))
        begins = isinstance(token, (yaml.BlockSequenceStartToken, yaml.BlockMappingStartToken))
        ends = isinstance(token, (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken, yaml.BlockEndToken))
        depth += (opens or begins) - ends
        if depth > DEEPEST:
            raise SettingsError(f"{path}, line {line}: settings nested more than {DEEPEST} deep")
        if isinstance(token, yaml.ScalarToken):
            refuse_lookups(f"{path}, line {line}", token.value)
        if isinstance(token, yaml.ScalarToken) and token.plain and _ODD_NUMBER.fullmatch(token.value):
            raise SettingsError(
                f"{path}, line {line}: YAML reads {token.value} as the number {yaml.safe_load(token.value)}; "
                "write a number without leading zeros or colons, or text in quotes"
            )


def entries(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The full name and the value of every key in a tree."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        yield f"{prefix}{key}", value
        yield from entries(value, f"{prefix}{key}.")


def _refuse_names_of_code(key: str, value: Any) -> None:
    *_, room, last = ("", *key.split("."))
    text = str(value)
    makes = last == "()" or last.startswith("_") or (last == "class" and text not in LOGGING)
    if makes and not (key.startswith(("hydra.launcher._", "hydra.sweeper._")) and text.startswith(HYDRAS_OWN)):
        raise UnsafeInputError(f"{key}={value}: settings may not name code; remove this key")
    if text.startswith(("ext://", "cfg://")) and text not in STREAMS:
        raise UnsafeInputError(f"{key}={value}: settings may not name code; use {' or '.join(STREAMS)}")
    if room in ("env_set", "callbacks"):
        raise UnsafeInputError(f"{key}={value}: cannot be set here; remove this key")


def _refuse_other_places(key: str, value: Any, typed: Collection[str]) -> None:
    """Refuses Hydra settings that would write files or run commands unknown to the user who typed the command."""
    if not key.startswith("hydra."):
        return
    _, room, *rest = key.split(".")
    if room.endswith("_logging") and key.endswith(".filename") and value != LOG_FILE:
        raise UnsafeInputError(f"{key}={value}: a log is written only to {LOG_FILE}; remove this key")
    if key == "hydra.job.name" and isinstance(value, str) and not {"/", "\\", "$"}.isdisjoint(value):
        raise UnsafeInputError(f"{key}={value}: names the log file; wanted a name without / or $")
    if room == "launcher" and rest and rest[0] in SHELL and value and key not in typed:
        raise UnsafeInputError(f"{key}={value}: goes into a job's script; type it on the command line if you mean it")
    if room == "sweeper" and rest[:1] == ["params"] and "".join(rest[1:2]).lstrip("+~").startswith("hydra"):
        raise UnsafeInputError(f"{key}={value}: a sweep varies only genolong's settings; remove this key")
    if key in FOLDERS and isinstance(value, str) and key not in typed:
        path = PurePath(_HARMLESS_PART.sub("x", value))
        if path.is_absolute() or ".." in path.parts or "$" in str(path) or str(path).startswith("~"):
            raise UnsafeInputError(
                f"{key}={value}: a settings file may not choose a place outside this folder; "
                "type it on the command line if you mean it"
            )


def _size_when_looked_up(plain: Any) -> int:
    """Number of characters in all values once references are looked up, without looking them up."""
    flat = dict(entries(plain))
    known: dict[str, int] = {}

    def size(key: str) -> int:
        if key not in known:
            known[key] = 0  # ends circular references, which OmegaConf refuses later
            value = flat.get(key)
            if isinstance(value, (dict, list)):
                names = value if isinstance(value, dict) else range(len(value))
                known[key] = sum(size(f"{key}.{name}") for name in names)
            elif isinstance(value, str):
                known[key] = len(value) + sum(
                    size(_full(named[1], key)) for named in _KNOWN.finditer(value) if named[1]
                )
        return known[key]

    return sum(size(key) for key in flat)


def _full(reference: str, key: str) -> str:
    """The full key that `${reference}` means in the value of `key`: each leading dot goes up a level."""
    name = reference.strip().replace("[", ".").replace("]", "")
    up = len(name) - len(name.lstrip(".")) if not reference.strip().startswith("[") else 0
    return ".".join([*key.split(".")[:-up], name[up:]]) if up else name.strip(".")
