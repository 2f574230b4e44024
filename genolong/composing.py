"""Composes settings with Hydra, refuses any that could run code, and turns Hydra's errors into one line."""

import errno
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, cast

from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from hydra.plugins.config_source import ConfigResult
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import InterpolationKeyError, OmegaConfBaseException
from yaml import YAMLError

from genolong.errors import InputError, SettingsError, UnsafeInputError
from genolong.harmless import entries, refuse_code, refuse_large_file
from genolong.nearest import nearest, nearest_setting
from genolong.runs.folder import check_name, is_begun

PACKAGE = Path(__file__).parent
CONF = PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parent / "conf"  # in a wheel, or in a checkout
TRAINED = CONF / "trained"  # separate: here `model` is a path, so conf/model must not be a group
OF_TRAINED = ("train_variants", "evaluate", "predict", "embed", "map", "export", "reproduce", "report")
FOLDERS = {"train": CONF, "plan": CONF} | dict.fromkeys(OF_TRAINED, TRAINED)


PLACES = {  # Hydra's default, and what train uses
    "run.dir": ("outputs/${now:%Y-%m-%d}/${now:%H-%M-%S}", "${run.folder}/${run.name}/${now:%Y-%m-%d_%H-%M-%S-%f}"),
    "sweep.dir": ("multirun/${now:%Y-%m-%d}/${now:%H-%M-%S}", "${run.folder}"),
    "sweep.subdir": ("${hydra.job.num}", "${run.name}/${now:%Y-%m-%d_%H-%M-%S-%f}_${hydra.job.num}"),
}
SILENT = {"version": 1, "root": None, "disable_existing_loggers": False}  # as Hydra's hydra/job_logging=none


def guard() -> None:
    """Makes Hydra refuse settings that could execute code; call it before Hydra's main.

    Hydra creates its launcher, sweeper, callbacks and log handlers from names in the composed settings before it calls
    the command. This is the only place where they can be checked before that.
    """
    composed = ConfigLoaderImpl.load_configuration
    if getattr(composed, "guarded", False):
        return

    def load_configuration(self: ConfigLoaderImpl, *args: Any, **kwargs: Any) -> DictConfig:
        typed = kwargs.get("overrides", args[1] if len(args) > 1 else ())
        try:
            config = composed(self, *args, **kwargs)
            refuse_code(OmegaConf.to_container(config, resolve=False), _keys(typed))
        except RecursionError as error:
            raise SettingsError(
                "the settings are nested too deeply; wanted lists and groups of a few levels"
            ) from error
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            raise SettingsError(
                "a settings group has a name longer than a file name may be; wanted one of the existing groups"
            ) from error
        except (HydraException, OmegaConfBaseException, YAMLError, InputError):
            raise
        except Exception as error:  # Hydra may raise anything for settings that others wrote
            raise SettingsError(f"these settings cannot be composed ({str(error)[:200]})") from error
        if isinstance(config.get("run"), DictConfig):
            check_name(config.run.name)
            _keep_house(config, _keys(typed))
        return config

    load_configuration.guarded = True  # type: ignore[attr-defined]
    ConfigLoaderImpl.load_configuration = load_configuration  # type: ignore[method-assign]
    _guard_sources()


def _keep_house(config: DictConfig, typed: Collection[str]) -> None:
    """Gives settings files that lack Hydra's folders and logging (such as a run's .hydra/config.yaml) those of train.

    If the folder already holds a run, Hydra writes nothing into it before the command looks at it: the command may
    refuse to resume that run.
    """
    with read_write(config), open_dict(config):
        written: Any = OmegaConf.to_container(config.hydra)
        for place, (hydras, ours) in PLACES.items():
            group, name = place.split(".")
            if written[group][name] == hydras and f"hydra.{place}" not in typed:
                config.hydra[group][name] = ours
        if _holds_a_run(config.hydra):
            config.hydra.output_subdir = None
        for group in ("job_logging", "hydra_logging"):
            if config.hydra.runtime.choices.get(f"hydra/{group}") == "default":
                config.hydra[group] = dict(SILENT)


def _holds_a_run(hydras: DictConfig) -> bool:
    """Whether the folder that Hydra would make is there, with a run."""
    try:
        swept = hydras.mode is RunMode.MULTIRUN
        return is_begun(Path(hydras.sweep.dir, hydras.sweep.subdir) if swept else Path(hydras.run.dir))
    except OmegaConfBaseException:  # named after what is not known yet, such as the run's number
        return False


def _guard_sources() -> None:
    """Checks settings files before they are parsed, and refuses Python packages as sources, which would be imported."""
    read, opened = ConfigRepository.load_config, ConfigRepository.initialize_sources

    def load_config(self: ConfigRepository, config_path: str) -> ConfigResult | None:
        source: Any = self._find_object_source(config_path, ObjectType.CONFIG)
        if source is not None and source.scheme() == "file":
            refuse_large_file(Path(source.path, source._normalize_file_name(config_path)))
        return read(self, config_path)

    def initialize_sources(self: ConfigRepository, config_search_path: ConfigSearchPath) -> None:
        for place in config_search_path.get_path():
            scheme, _, package = str(place.path).partition("://")
            if scheme == "pkg" and package.split(".")[0] not in ("hydra", "hydra_plugins"):
                raise UnsafeInputError(f"{place.path}: settings are read only from folders; a package could run code")
        opened(self, config_search_path)

    ConfigRepository.load_config = load_config  # type: ignore[method-assign]
    ConfigRepository.initialize_sources = initialize_sources  # type: ignore[method-assign]


def _keys(overrides: Iterable[str]) -> set[str]:
    return {override.split("=")[0].split("@")[0].lstrip("+~") for override in overrides}


def as_settings_error(error: Exception, folder: Path, command: str) -> SettingsError:
    """Hydra's error about a command's settings, as one line that starts with the setting."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    found = re.match(
        r"Could not (?:override|delete from config\.|append to config\.) '([^']+)'", lines[0] if lines else ""
    )
    if isinstance(error, MissingConfigException) and error.options:
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        if group == "experiment" and (TRAINED / group / f"{choice}.yaml").is_file():
            return SettingsError(
                f"{group}={choice}: is a recipe for task=variant_effect; use it with train, and on its own"
            )
        hint = "; run `pip install genolong[slurm]` for it" if choice.startswith("submitit_") else ""
        of_variants = group == "task" and command == "train"  # which has other settings
        if group == "task" and choice == "variant_effect" and not of_variants:
            return SettingsError(f"{group}={choice}: is a task for train; {command} knows only masked_bases")
        options = [*error.options, *(["variant_effect"] if of_variants else [])]
        near = nearest(choice, options)
        return SettingsError(f"{group}={choice}: no such choice; the choices are {', '.join(options)}{near}{hint}")
    if isinstance(error, OverrideParseException):
        if "=" not in str(error.override):
            return SettingsError(f"{error.override}: not understood; wanted name=value, like data.fasta=genome.fa")
        why = error.message.splitlines()[0]
        return SettingsError(
            f"{error.override}: not understood as name=value ({why}); put text within a list in quotes: "
            "'data.fasta=[\"a (1).fa\",b.fa]'"
        )
    if isinstance(error, ConfigCompositionException) and found and "already at" not in str(error):
        return _unknown(found[1].split("@")[0].lstrip("+~"), folder, command)
    if lines and lines[0].startswith("Ambiguous value for argument"):
        given = lines[0].split("'")[1]
        name, _, value = given.partition("=")
        return SettingsError(
            f"{given}: write a list as {name}=[{value}], and text with a comma in quotes, as \"{name}=['{value}']\" in "
            f"a list or \"{name}='{value}'\"; to try the values one after another, add -m"
        )
    if lines and lines[0].startswith("Multiple values for "):
        group = lines[0].removeprefix("Multiple values for ").partition(".")[0]
        return SettingsError(f"{group}: choose it as {group}=NAME, without a +")
    if isinstance(error, InterpolationKeyError) and (
        missing := re.match(r"Interpolation key '(.+)' not found", str(error))
    ):
        place = f"{error.full_key}: " if error.full_key else ""
        near = nearest_setting(missing[1], settings_of(folder, command))
        return SettingsError(f"{place}${{{missing[1]}}}: no such setting{near}")
    told = [line for line in lines if not line.startswith(("full_key:", "object_type", "reference_type", "See https"))]
    return SettingsError("; ".join(told) or type(error).__name__)


def _unknown(key: str, folder: Path, command: str) -> SettingsError:
    if key == "model" and command == "train_variants":
        return SettingsError(f"{key}: no such setting of task=variant_effect; its model is that of init_from=RUN")
    return SettingsError(f"{key}: no such setting{nearest_setting(key, settings_of(folder, command))}")


def settings_of(folder: Path, command: str) -> list[str]:
    """The full names of all settings and groups of a command."""
    return [key for key, _ in entries(defaults_of(folder, command))]


def defaults_of(folder: Path, command: str) -> dict[str, Any]:
    """A command's default settings, with references not yet looked up."""
    known = GlobalHydra.instance()
    running, known.hydra = known.hydra, None  # Hydra is a singleton, and may be running the command that asks
    try:
        with initialize_config_dir(str(folder), version_base="1.3"):
            return cast(dict[str, Any], OmegaConf.to_container(compose(command)))
    finally:
        known.hydra = running
