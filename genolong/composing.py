"""Composing settings with Hydra: what could run code is refused, and what Hydra refuses is told in one line."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.errors import ConfigCompositionException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf

from genolong.errors import SettingsError, UnsafeInputError
from genolong.runs.folder import check_name

PACKAGE = Path(__file__).parent
CONF = PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parent / "conf"  # in a wheel, in a checkout
RESOLVERS = {
    "now",
    "hydra",
}  # of what Hydra could look up in a value; `oc.env` would copy secrets into the run's record
STREAMS = ("ext://sys.stdout", "ext://sys.stderr")
HYDRAS_OWN = ("hydra._internal.", "hydra_plugins.")  # launchers and sweepers, which Hydra makes by name


def guard() -> None:
    """From now on Hydra composes only what selects and never executes; to be called before Hydra's main.

    Hydra makes its launcher, sweeper, callbacks and log handlers from names in the composed settings, before the
    command that was asked for is called. There is no other place to look at them first.
    """
    composed = ConfigLoaderImpl.load_configuration
    if getattr(composed, "guarded", False):
        return

    def load_configuration(self: ConfigLoaderImpl, *args: Any, **kwargs: Any) -> DictConfig:
        config = composed(self, *args, **kwargs)
        refuse_code(OmegaConf.to_container(config, resolve=False))
        if "run" in config:
            check_name(config.run.name)
        return config

    load_configuration.guarded = True  # type: ignore[attr-defined]
    ConfigLoaderImpl.load_configuration = load_configuration  # type: ignore[method-assign]


def refuse_code(plain: Any) -> None:
    """Raises UnsafeInputError for settings, Hydra's own included, that would run code or look into the environment."""
    for key, value in entries(plain):
        *_, room, last = ("", *key.split("."))
        text = str(value)
        if key.startswith(("hydra.overrides.", "hydra.job.override_dirname")):  # what was typed; it is a setting, too
            continue
        looked_up = set(re.findall(r"\$\{\s*([\w.]+)\s*:", text)) - RESOLVERS if isinstance(value, str) else ()
        if looked_up:
            raise UnsafeInputError(f"{key}: ${{{min(looked_up)}:...}} is not looked up; write the value itself")
        makes = last == "()" or last.startswith("_") or (last == "class" and not text.startswith("logging."))
        if makes and not (key.startswith(("hydra.launcher._", "hydra.sweeper._")) and text.startswith(HYDRAS_OWN)):
            raise UnsafeInputError(f"{key}={value}: settings name no code; remove this key")
        if text.startswith(("ext://", "cfg://")) and text not in STREAMS:
            raise UnsafeInputError(f"{key}={value}: settings name no code; take {' or '.join(STREAMS)}")
        if room in ("env_set", "callbacks"):
            raise UnsafeInputError(f"{key}={value}: not taken from settings; remove this key")


def entries(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key of a tree by its full name, and its value."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        yield f"{prefix}{key}", value
        yield from entries(value, f"{prefix}{key}.")


def as_settings_error(error: Exception, folder: Path, command: str) -> SettingsError:
    """What Hydra refused about a command's settings, in one line that starts with the setting."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    found = re.match(
        r"Could not (?:override|delete from config\.|append to config\.) '([^']+)'", lines[0] if lines else ""
    )
    if isinstance(error, MissingConfigException) and error.options:
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        hint = "; run `pip install genolong[slurm]` for it" if choice.startswith("submitit_") else ""
        return SettingsError(f"{group}={choice}: no such choice; there are {', '.join(error.options)}{hint}")
    if isinstance(error, OverrideParseException):
        return SettingsError(f"{error.override}: not understood as name=value ({error.message.splitlines()[0]})")
    if isinstance(error, ConfigCompositionException) and found and "already at" not in str(error):
        key = found[1].split("@")[0].lstrip("+~")
        return SettingsError(f"{key}: no such setting{nearest(key, settings_of(folder, command))}")
    if lines and lines[0].startswith("Ambiguous value for argument"):
        given = lines[0].split("'")[1]
        name, _, value = given.partition("=")
        return SettingsError(f"{given}: a list is written {name}=[{value}]; to try one after the other, add -m")
    told = [line for line in lines if not line.startswith(("full_key:", "object_type", "reference_type", "See https"))]
    return SettingsError("; ".join(told) or type(error).__name__)


def settings_of(folder: Path, command: str) -> list[str]:
    """The full name of every setting and group of a command."""
    with initialize_config_dir(str(folder), version_base="1.3"):
        return [key for key, _ in entries(OmegaConf.to_container(compose(command)))]


def nearest(key: str, known: list[str]) -> str:
    """The end of a message: the known keys nearest to one that is not known, if any are near."""
    near = [] if key in known else get_close_matches(key, known, n=2, cutoff=0.7)
    near = near[:1] if near and near[0].rpartition(".")[0] == key.rpartition(".")[0] else near
    return f"; did you mean {' or '.join(near)}?" if near else ""
