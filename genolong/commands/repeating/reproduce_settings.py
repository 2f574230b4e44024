"""The settings of `reproduce`."""

from dataclasses import dataclass
from pathlib import Path

from genolong.commands.reading.reading_settings import GenomeSettings
from genolong.runs.record import place_of_record


@dataclass(frozen=True)
class ReproduceSettings:
    """conf/trained/reproduce.yaml: what to repeat, and where its inputs are now."""

    run: str
    model: str | None
    vcf: str | None
    data: GenomeSettings
    debug: bool

    @property
    def record(self) -> Path:
        """The path of the record: in a training's folder, next to an output file, or `run` itself."""
        return place_of_record(self.run)
