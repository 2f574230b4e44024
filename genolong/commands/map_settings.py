"""The settings of `map`."""

from dataclasses import dataclass, replace
from pathlib import Path

from genolong.commands.precision_choice import check_precision
from genolong.commands.predict_settings import DeviceSettings, GenomeSettings, among, check_prefix
from genolong.commands.same_work import check_resume
from genolong.errors import SettingsError
from genolong.loading.windows import absolute
from genolong.parallel.settings import ParallelSettings
from genolong.tasks.variant_effect import ScoringSettings

WHETHER = ("auto", "yes", "no")
ENDS = (  # of the names of all files that are always written, or may be
    ".vcf.gz", ".tsv", ".parquet", ".importance.bedgraph", ".uncertainty.bedgraph", ".importance.bw", ".uncertainty.bw",
    ".png", ".svg",
)  # fmt: skip


@dataclass(frozen=True)
class MapSettings:
    """conf/trained/map.yaml: which model, which bases, and what is written about them."""

    model: str
    region: str | None
    regions: str | None
    output: str
    data: GenomeSettings
    mode: str
    window_bp: int | None
    spacing: int
    distance: bool
    probability: bool
    flank: int
    batch: int | None
    precision: str
    bigwig: str
    parquet: str
    pictures: int
    prefix: str
    resume: str
    trainer: DeviceSettings
    parallel: ParallelSettings
    debug: bool

    def __post_init__(self) -> None:
        _ = self.scoring  # checked there
        self.parallel.check_devices(self.trainer.devices)
        check_prefix(self.prefix)
        check_precision(self.precision)
        check_resume(self.resume)
        if (self.region is None) == (self.regions is None):
            raise SettingsError("region: wanted a region (region=chr1:1-1,000) or a BED file (regions=), one of them")
        for name in ("bigwig", "parquet"):
            if getattr(self, name) not in WHETHER:
                raise SettingsError(f"{name}={getattr(self, name)}: wanted {' or '.join(WHETHER)}")
        if self.pictures < 0:
            raise SettingsError(f"pictures={self.pictures}: wanted 0 (none) or more")
        self._check_output()

    @property
    def scoring(self) -> ScoringSettings:
        """What is computed for a substitution, as predict has it."""
        return ScoringSettings(
            mode=self.mode, window_bp=self.window_bp, spacing=self.spacing, flank=self.flank, distance=self.distance,
            longest_allele=1, batch=self.batch,
        )  # fmt: skip

    @property
    def vcf(self) -> Path:
        """The file that the record stands beside."""
        return self.file(".vcf.gz")

    def file(self, end: str) -> Path:
        """The file whose name ends so; a ~ is the home."""
        return Path(self.output + end).expanduser()

    def found_from_anywhere(self, model: Path) -> "MapSettings":
        """The same with absolute paths, and the model that a link meant."""
        named = {name: absolute(path) for name in ("regions", "output") if (path := getattr(self, name)) is not None}
        return replace(self, model=str(model.resolve()), data=self.data.found_from_anywhere(), **named)

    def _check_output(self) -> None:
        if self.output.endswith("/") or Path(self.output).name in ("", ".", ".."):
            raise SettingsError(f"output={self.output}: wanted what names of files begin with, like maps/brca1")
        end = next((end for end in (*ENDS, ".vcf", ".bed") if self.output.endswith(end)), None)
        if end is not None:
            raise SettingsError(
                f"output={self.output}: wanted what names of files begin with; take {self.output.removesuffix(end)}"
            )
        for end in ENDS:
            path = among(self.output + end, (self.regions, *self.data.paths))
            if path is not None:
                raise SettingsError(f"output={self.output}: {path} would be written over; name another place")
