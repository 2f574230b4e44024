"""Help texts of commands, made from conf/: one screen with examples and the main settings, or all settings."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from genolong.harmless import entries

WIDTH, COLUMN = 120, 36
ALL = "all"  # typed after --help
RECIPE = "experiment"  # a group that is not part of the settings
ENTRY = re.compile(r"(?P<indent> *)(?P<key>\w+):(?:[^#]*?)(?:\s*# *(?P<comment>.*))?$")


class _Composed(NamedTuple):
    """A command's settings after overrides, the choice in each group, and all comments by the setting's full name."""

    main: str
    settings: dict[str, Any]
    chosen: dict[str, str]
    about: dict[str, str]


def help_text(folder: Path, command: str, overrides: Sequence[str]) -> str:
    """Help on one screen: examples, the main settings, and how to see all; raises the same errors as Hydra.

    Examples are the indented lines in the header of the command's YAML; main settings are those on its "first:" lines.
    """
    if ALL in overrides:
        return every_setting(folder, command, [word for word in overrides if word != ALL])
    given = _composed(folder, command, overrides)
    first = [key for line in header(given.main) if line.startswith("first: ") for key in line.split()[1:]]
    shown = "train task=variant_effect" if command == "train_variants" else command
    parts = [f"genolong {shown} [setting=value ...]\n\n{textwrap.fill(title(given.main), WIDTH)}\n"]
    if lines := [line for line in header(given.main) if line.startswith("  ")]:
        parts.append("\n".join(["examples:", *lines]) + "\n")
    settings = [_first(folder, key, given) for key in first] or [table(given.settings, "", given.about)]
    parts.append(("main settings:\n" if first else "settings:\n") + "".join(settings))
    parts.append(
        f"genolong {shown} --help all    every setting; your choices are applied (--help all model=base)\n"
        f"genolong {shown} --cfg job     the resulting settings as YAML; --hydra-help: Hydra's own options\n"
    )
    return "\n".join(parts)


def every_setting(folder: Path, command: str, overrides: Sequence[str]) -> str:
    """All settings of a command after overrides, group by group; raises the same errors as Hydra."""
    given = _composed(folder, command, overrides)
    own = {key: value for key, value in given.settings.items() if key not in given.chosen and key != RECIPE}
    told = textwrap.fill(title(given.main), WIDTH)
    parts = [f"genolong {command} [setting=value ...]\n\n{told}\n\n{table(own, '', given.about)}"]
    for group, name in given.chosen.items():
        others = choices(folder, group)
        head = f"{group}={name}" + (f"   (one of: {' '.join(others)})" if len(others) > 1 else "")
        parts.append(f"{head}\n{table(given.settings[group], f'{group}.', given.about)}")
    return "\n".join(parts)


def choices(folder: Path, group: str) -> list[str]:
    """The choices of a group of settings; lengths are sorted by size."""
    return sorted((path.stem for path in (folder / group).glob("*.yaml")), key=_by_number)


def comments(yaml: str) -> Iterator[tuple[str, str]]:
    """The comment after each key of a YAML text with one key per line."""
    above: list[tuple[int, str]] = []
    for line in yaml.splitlines():
        found = ENTRY.match(line)
        if found:
            indent = len(found["indent"])
            above = [*((deep, key) for deep, key in above if deep < indent), (indent, found["key"])]
            yield ".".join(key for _, key in above), found["comment"] or ""


def title(yaml: str) -> str:
    """The first comment of a YAML text, ignoring lines for Hydra."""
    return next((line for line in header(yaml) if not line.startswith("@")), "")


def header(yaml: str) -> Iterator[str]:
    """The comment lines at the start of a YAML text, without #."""
    for line in yaml.splitlines():
        if not line.startswith("#"):
            return
        yield line.removeprefix("#").removeprefix(" ")


def table(node: dict[str, Any], prefix: str, about: dict[str, str]) -> str:
    """A line for each value below a node: the setting as it is typed, and its comment."""
    lines = []
    for key, value in entries(node):
        if not isinstance(value, dict):
            lines += _line(f"{prefix}{key}", value, about.get(f"{prefix}{key}", ""))
    return "\n".join(lines) + "\n"


def _composed(folder: Path, command: str, overrides: Sequence[str]) -> _Composed:
    with initialize_config_dir(str(folder), version_base="1.3"):
        config: Any = OmegaConf.to_container(compose(command, list(overrides), return_hydra_config=True))
    chosen_of = config.pop("hydra")["runtime"]["choices"]
    chosen = {group: chosen_of[group] for group in config if chosen_of.get(group)}
    main = (folder / f"{command}.yaml").read_text()
    about = dict(comments(main))
    for group, name in chosen.items():
        file = folder / group / f"{name}.yaml"
        about |= {f"{group}.{key}": told for key, told in comments(file.read_text() if file.is_file() else "")}
    if RECIPE in chosen_of:
        config[RECIPE] = chosen_of[RECIPE]
    return _Composed(main, config, chosen, about)


def _first(folder: Path, key: str, given: _Composed) -> str:
    """The lines for a setting, or for a group: its current value, and the choices."""
    if key in given.chosen or key == RECIPE:
        others = " ".join(choices(folder, key))
        return "\n".join(_line(key, given.chosen.get(key, given.settings[key]), f"one of: {others}")) + "\n"
    value: Any = given.settings
    for part in key.split("."):
        value = value[part]
    return "\n".join(_line(key, value, given.about.get(key, ""))) + "\n"


def _line(key: str, value: Any, comment: str) -> list[str]:
    """A setting as it is typed, and its comment, wrapped into a column."""
    written = "null" if value is None else str(value).lower() if isinstance(value, bool) else value
    told = textwrap.wrap(comment, WIDTH - COLUMN) or [""]
    return [f"{f'  {key}={written}':<{COLUMN - 1}} {told[0]}".rstrip(), *(" " * COLUMN + more for more in told[1:])]


def _by_number(name: str) -> tuple[int, str]:
    number = re.match(r"\d+", name)
    return (int(number[0]) if number else 1 << 30, name)
