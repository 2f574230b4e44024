"""The settings of `embed`."""

from dataclasses import dataclass
from pathlib import Path

from genolong.commands.reading.reading_settings import ReadingSettings
from genolong.commands.same_file import among
from genolong.commands.variants.checked_records import MismatchSettings
from genolong.errors import SettingsError

PER = ("span", "base")


@dataclass(frozen=True)
class EmbedSettings(MismatchSettings, ReadingSettings):
    """conf/trained/embed.yaml: model, places to embed, and which of the model's states over them."""

    PATHS = ("regions", "vcf", "output", "synonyms")

    regions: str | None
    vcf: str | None
    layer: int | None
    per: str
    window_bp: int | None
    longest_allele: int
    batch: int | None
    synonyms: str | None
    regions_at_once: int

    def __post_init__(self) -> None:
        MismatchSettings.__post_init__(self)
        ReadingSettings.__post_init__(self)
        if (self.regions is None) == (self.vcf is None):
            raise SettingsError("regions: wanted either a BED file (regions=) or a VCF (vcf=)")
        if not self.output.endswith(".parquet") or Path(self.output).name == ".parquet":
            raise SettingsError(f"output={self.output}: wanted a name that ends in .parquet")
        if self.per not in PER:
            raise SettingsError(f"per={self.per}: wanted {' or '.join(PER)}")
        if self.regions is not None and self.synonyms is not None:
            raise SettingsError(
                f"synonyms={self.synonyms}: applies only to a VCF; a BED file must name contigs as the FASTA does"
            )
        for name in ("window_bp", "longest_allele", "batch", "regions_at_once"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingsError(f"{name}={value}: wanted 1 or more")
        if among(self.output, (self.regions, self.vcf, self.synonyms, *self.data.paths)) is not None:
            raise SettingsError(f"output={self.output}: is the input itself; name another file")

    @property
    def source(self) -> str:
        """The BED file or the VCF."""
        source = self.regions or self.vcf
        assert source is not None
        return source
