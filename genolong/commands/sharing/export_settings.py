"""The settings of `export`."""

from dataclasses import dataclass

from genolong.errors import SettingsError


@dataclass(frozen=True)
class ExportSettings:
    """conf/trained/export.yaml: the run whose model to export, and the folder to create."""

    run: str
    output: str
    debug: bool

    def __post_init__(self) -> None:
        for name in ("run", "output"):
            if not getattr(self, name):
                raise SettingsError(f"{name}=: wanted the path of a folder")
