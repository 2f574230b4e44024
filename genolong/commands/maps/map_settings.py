"""The settings of `map`."""

from dataclasses import dataclass
from pathlib import Path

from genolong.commands.reading.reading_settings import ReadingSettings
from genolong.commands.same_file import among
from genolong.commands.variants.effect_fields import check_prefix
from genolong.errors import SettingsError
from genolong.tasks.variant_effect import ScoringSettings

WHETHER = ("auto", "yes", "no")
ENDS = (  # endings of all files that are always written, or may be
    ".vcf.gz", ".tsv", ".parquet", ".importance.bedgraph", ".uncertainty.bedgraph", ".importance.bw", ".uncertainty.bw",
    ".png", ".svg",
)  # fmt: skip


@dataclass(frozen=True)
class MapSettings(ReadingSettings):
    """conf/trained/map.yaml: model, region, and what to write about it."""

    PATHS = ("regions", "output")

    region: str | None
    regions: str | None
    mode: str
    window_bp: int | None
    spacing: int
    distance: bool
    probability: bool
    flank: int
    batch: int | None
    parquet: str
    pictures: int
    prefix: str

    def __post_init__(self) -> None:
        self._check_output()
        super().__post_init__()
        _ = self.scoring  # checks them
        check_prefix(self.prefix)
        if (self.region is None) == (self.regions is None):
            raise SettingsError("region: wanted either a region (region=chr1:1-1,000) or a BED file (regions=)")
        if self.parquet not in WHETHER:
            raise SettingsError(f"parquet={self.parquet}: wanted {' or '.join(WHETHER)}")
        if self.pictures < 0:
            raise SettingsError(f"pictures={self.pictures}: wanted 0 (none) or more")

    @property
    def scoring(self) -> ScoringSettings:
        """How substitutions are scored, as settings of predict."""
        return ScoringSettings(
            mode=self.mode, window_bp=self.window_bp, spacing=self.spacing, flank=self.flank, distance=self.distance,
            longest_allele=1, batch=self.batch,
        )  # fmt: skip

    @property
    def vcf(self) -> Path:
        """The VCF; its record is next to it."""
        return self.file(".vcf.gz")

    def file(self, end: str) -> Path:
        """The output file with this ending; ~ becomes the home folder."""
        return Path(self.output + end).expanduser()

    def _check_output(self) -> None:
        if self.output.endswith("/") or Path(self.output).name in ("", ".", ".."):
            raise SettingsError(f"output={self.output}: wanted the start of file names, like maps/brca1")
        end = next((end for end in (*ENDS, ".vcf", ".bed") if self.output.endswith(end)), None)
        if end is not None:
            raise SettingsError(
                f"output={self.output}: wanted the start of file names; use {self.output.removesuffix(end)}"
            )
        for end in ENDS:
            path = among(self.output + end, (self.regions, *self.data.paths))
            if path is not None:
                raise SettingsError(f"output={self.output}: {path} would be overwritten; name another place")
