"""The settings of `reproduce`."""

from dataclasses import dataclass
from pathlib import Path

from genolong.commands.predict_settings import GenomeSettings
from genolong.runs.record import NAME, beside


@dataclass(frozen=True)
class ReproduceSettings:
    """conf/trained/reproduce.yaml: what is made again, and where its inputs lie now."""

    run: str
    model: str | None
    vcf: str | None
    data: GenomeSettings
    debug: bool

    @property
    def record(self) -> Path:
        """In a training's folder; beside a file that was written; or the record itself."""
        place = Path(self.run).expanduser()
        if place.is_dir():
            return place / NAME
        return place if place.name.endswith(NAME) else beside(place)
