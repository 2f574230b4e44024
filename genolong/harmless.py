"""What settings may hold: nothing that runs code, looks into the environment, writes elsewhere or fills the memory."""

import re
from collections.abc import Collection, Iterator
from pathlib import Path, PurePath
from typing import Any

import yaml

from genolong.errors import SettingsError, UnsafeInputError

STREAMS = ("ext://sys.stdout", "ext://sys.stderr")
HYDRAS_OWN = ("hydra._internal.", "hydra_plugins.")  # launchers and sweepers, which Hydra makes by name
LOGGING = ("logging.StreamHandler", "logging.NullHandler", "logging.FileHandler", "logging.Formatter")
LOG_FILE = "${hydra.runtime.output_dir}/${hydra.job.name}.log"  # the only one that a FileHandler writes
FOLDERS = ("hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir", "hydra.output_subdir")
SHELL = ("setup", "python", "additional_parameters", "srun_args")  # of a launcher: what goes into the job's script
LARGEST_BYTES = 1 << 20  # of a file of settings, and of all values once they are looked up
DEEPEST = 50

# ${now:...} and ${hydra:...}, or a key; nothing in it that is looked up itself, for that could spell any other name.
# `oc.env` is none of them: it would copy secrets into the run's record.
_KNOWN = re.compile(r"\$\{\s*(?:(?:now|hydra)\s*:[^${}\\]*|([^:${}\\'\"]*))\}")
_HARMLESS_PART = re.compile(r"\$\{(?:run\.(?:folder|name)|now:[%\w-]*|hydra\.job\.\w+)\}")
_ODD_NUMBER = re.compile(r"[-+]?0[0-7_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")


def refuse_code(plain: Any, typed: Collection[str] = ()) -> None:
    """Raises UnsafeInputError for settings, Hydra's own included, that would do more than select.

    `typed` are the keys that stand on the command line: a person may name any folder, a file from elsewhere may not.
    """
    for key, value in entries(plain):
        if key.startswith(("hydra.overrides.", "hydra.job.override_dirname")):  # what was typed; it is a setting, too
            continue
        if isinstance(value, str):
            refuse_lookups(key, value)
        _refuse_names_of_code(key, value)
        _refuse_other_places(key, value, typed)
    if _size_when_looked_up(plain) > LARGEST_BYTES:
        raise SettingsError(f"the settings are longer than {LARGEST_BYTES:,} characters once ${{...}} is looked up")


def refuse_lookups(key: str, value: str) -> None:
    """Raises UnsafeInputError where a value would be looked up anywhere else than among settings."""
    for found in re.finditer(r"\$\{", value):
        if not _KNOWN.match(value, found.start()):
            name = re.split(r"[:}]", value[found.end() :], maxsplit=1)[0].strip()[:40]
            raise UnsafeInputError(f"{key}: ${{{name}:...}} is not looked up; write the value itself")


def refuse_large_file(path: Path) -> None:
    """Raises SettingsError for YAML whose reading could fill the memory, or that means other numbers than it says.

    And UnsafeInputError for what would be looked up elsewhere than among settings: in a list of defaults Hydra does so
    before anything is composed.
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
    """Every key of a tree by its full name, and its value."""
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
    """What would write to a file, or run a line, that the person who typed the command does not know of."""
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
    """How many characters all values would have, without making them."""
    flat = dict(entries(plain))
    known: dict[str, int] = {}

    def size(key: str) -> int:
        if key not in known:
            known[key] = 0  # of a circle, which OmegaConf refuses
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
    """The key that `${reference}` means in the value of `key`: each leading dot is a level up."""
    name = reference.strip().replace("[", ".").replace("]", "")
    up = len(name) - len(name.lstrip(".")) if not reference.strip().startswith("[") else 0
    return ".".join([*key.split(".")[:-up], name[up:]]) if up else name.strip(".")
