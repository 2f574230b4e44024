"""The settings of `embed`."""

from dataclasses import dataclass, replace
from pathlib import Path

from genolong.commands.precision_choice import check_precision
from genolong.commands.predict_settings import DeviceSettings, GenomeSettings, MismatchSettings, among
from genolong.commands.same_work import check_resume
from genolong.errors import SettingsError
from genolong.loading.windows import absolute
from genolong.parallel.settings import ParallelSettings

PER = ("span", "base")
FILES = ("regions", "vcf", "output", "synonyms")  # settings that are paths


@dataclass(frozen=True)
class EmbedSettings(MismatchSettings):
    """conf/trained/embed.yaml: which model, which places, and what of the model's states over them."""

    model: str
    regions: str | None
    vcf: str | None
    output: str
    data: GenomeSettings
    layer: int | None
    per: str
    window_bp: int | None
    longest_allele: int
    batch: int | None
    precision: str
    synonyms: str | None
    resume: str
    regions_at_once: int
    trainer: DeviceSettings
    parallel: ParallelSettings
    debug: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        check_precision(self.precision)
        self.parallel.check_devices(self.trainer.devices)
        if (self.regions is None) == (self.vcf is None):
            raise SettingsError("regions: wanted a BED file (regions=) or a VCF (vcf=), one of them")
        if not self.output.endswith(".parquet") or Path(self.output).name == ".parquet":
            raise SettingsError(f"output={self.output}: wanted a name that ends in .parquet")
        if self.per not in PER:
            raise SettingsError(f"per={self.per}: wanted {' or '.join(PER)}")
        check_resume(self.resume)
        if self.regions is not None and self.synonyms is not None:
            raise SettingsError(f"synonyms={self.synonyms}: is for a VCF; a BED file names contigs as the FASTA does")
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

    def found_from_anywhere(self, model: Path) -> "EmbedSettings":
        """The same with absolute paths, and the model that a link meant."""
        named = {name: absolute(path) for name in FILES if (path := getattr(self, name)) not in (None, "-")}
        return replace(self, model=str(model.resolve()), data=self.data.found_from_anywhere(), **named)
