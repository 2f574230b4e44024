"""Refuses a sweep (-m) whose runs would write to the same place, one over the other."""

from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from genolong.errors import SettingsError

OUTPUTS = ("output", "json")  # settings that name a file or folder to write


def refuse_shared_places(words: Sequence[str]) -> None:
    """Raises SettingsError for a folder or an output that all runs of a sweep with these settings would share."""
    given = OverridesParser.create().parse_overrides(list(words))
    for setting in given:
        if setting.key_or_group == "hydra.run.dir":
            raise SettingsError(
                f"{setting.input_line}: a sweep (-m) has a folder for each run; choose where they go with "
                "hydra.sweep.dir= (and their names with hydra.sweep.subdir=), or leave out -m"
            )
        if setting.key_or_group not in OUTPUTS or setting.is_sweep_override() or setting.value() is None:
            continue
        if "${" not in (place := str(setting.value())):
            raise SettingsError(
                f"{setting.key_or_group}={place}: every run of a sweep (-m) would write there; give each its own"
                f"{_like(setting.key_or_group, place, given)}, or leave out -m"
            )


def _like(key: str, place: str, given: Sequence[Override]) -> str:
    """An example: the place's name with the value of a setting that changes from run to run, and is no path."""
    varied = [each.key_or_group for each in given if each.is_sweep_override() and "/" not in str(each.input_line)]
    if place == "-" or not varied:
        return ""
    folder, slash, name = place.rpartition("/")
    stem, dot, kind = name.partition(".")
    return f", like {key}='{folder}{slash}{stem}_${{{varied[0]}}}{dot}{kind}'"
