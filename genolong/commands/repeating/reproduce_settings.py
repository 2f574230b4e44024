"""The settings of `reproduce`."""

from dataclasses import dataclass
from pathlib import Path

from genolong.commands.reading.reading_settings import GenomeSettings
from genolong.runs.record import place_of_record


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
        return place_of_record(self.run)
