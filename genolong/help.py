"""The help of a command: every setting as it is typed, what it is now, and the unit that stands beside it in conf/."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from genolong.harmless import entries

WIDTH, COLUMN = 120, 36
ENTRY = re.compile(r"(?P<indent> *)(?P<key>\w+):(?:[^#]*?)(?:\s*# *(?P<comment>.*))?$")


def help_text(folder: Path, command: str, overrides: Sequence[str]) -> str:
    """All settings of a command with the overrides applied, group after group; raises as Hydra does."""
    with initialize_config_dir(str(folder), version_base="1.3"):
        config = OmegaConf.to_container(compose(command, list(overrides), return_hydra_config=True))
    assert isinstance(config, dict)
    choices = config.pop("hydra")["runtime"]["choices"]
    chosen = {group: choices[group] for group in config if choices.get(group)}
    main = (folder / f"{command}.yaml").read_text()
    about = dict(comments(main))
    own = {key: value for key, value in config.items() if key not in chosen}
    parts = [f"genolong {command} [setting=value ...]\n\n{title(main)}\n\n{table(own, '', about)}"]
    for group, name in chosen.items():
        file = folder / group / f"{name}.yaml"  # type: ignore[operator]
        text = file.read_text() if file.is_file() else ""
        others = sorted((path.stem for path in (folder / group).glob("*.yaml")), key=_by_number)  # type: ignore[operator]
        head = f"{group}={name}"
        if len(others) > 1:
            head += f"   (of {' '.join(others)})"
        parts.append(f"{head}\n{table(config[group], f'{group}.', dict(comments(text)))}")
    return "\n".join(parts)


def comments(yaml: str) -> Iterator[tuple[str, str]]:
    """The comment behind each key of a YAML text that is written one key a line."""
    above: list[tuple[int, str]] = []
    for line in yaml.splitlines():
        found = ENTRY.match(line)
        if found:
            indent = len(found["indent"])
            above = [*((deep, key) for deep, key in above if deep < indent), (indent, found["key"])]
            yield ".".join(key for _, key in above), found["comment"] or ""


def title(yaml: str) -> str:
    """The comment that a YAML text begins with."""
    return yaml.splitlines()[0].lstrip("# ") if yaml.startswith("#") else ""


def table(node: dict, prefix: str, about: dict[str, str]) -> str:
    """A line for each value below a node: how it is typed, and its comment."""
    lines = []
    for key, value in entries(node):
        if not isinstance(value, dict):
            written = "null" if value is None else str(value).lower() if isinstance(value, bool) else value
            given = f"  {prefix}{key}={written}"
            told = textwrap.wrap(about.get(key, ""), WIDTH - COLUMN) or [""]
            lines += [f"{given:<{COLUMN - 1}} {told[0]}".rstrip(), *(" " * COLUMN + more for more in told[1:])]
    return "\n".join(lines) + "\n"


def _by_number(name: str) -> tuple[int, str]:
    number = re.match(r"\d+", name)
    return (int(number[0]) if number else 1 << 30, name)
