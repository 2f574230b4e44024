"""The settings of `report`."""

from dataclasses import dataclass
from pathlib import Path

from genolong.errors import SettingsError
from genolong.runs.record import place_of_record

SUFFIXES = (".html", ".htm")


@dataclass(frozen=True)
class ReportSettings:
    """conf/trained/report.yaml: what the page is about, where its VCF is now, and where to write the page."""

    run: str
    vcf: str | None
    output: str | None
    debug: bool

    def __post_init__(self) -> None:
        if self.output is not None and not self.output.lower().endswith(SUFFIXES):
            raise SettingsError(f"output={self.output}: wanted the name of a page, which ends in .html")

    @property
    def record(self) -> Path:
        """The record of the training, or of the file that evaluate wrote."""
        return place_of_record(self.run)

    @property
    def page(self) -> Path:
        """The file to write."""
        if self.output is not None:
            return Path(self.output).expanduser()
        place = Path(self.run).expanduser()
        beside = place.with_name(f"{place.name.removesuffix('.json')}.report.html")
        return place / "report.html" if place.is_dir() else beside
