"""The settings of `predict`."""

from dataclasses import dataclass

from genolong.commands.reading.reading_settings import ReadingSettings
from genolong.commands.same_file import among, same_file
from genolong.commands.variants.checked_records import MismatchSettings
from genolong.commands.variants.effect_fields import check_prefix
from genolong.errors import SettingsError
from genolong.tasks.variant_effect import ScoringSettings


@dataclass(frozen=True)
class PredictSettings(ScoringSettings, MismatchSettings, ReadingSettings):
    """conf/trained/predict.yaml: model, VCF, how to score alleles, and how to treat special cases."""

    PATHS = ("vcf", "output", "synonyms", "skipped_to")

    vcf: str
    synonyms: str | None
    prefix: str
    overwrite_fields: bool
    skipped_to: str | None
    records_at_once: int

    def __post_init__(self) -> None:
        for part in (ScoringSettings, MismatchSettings, ReadingSettings):
            part.__post_init__(self)
        check_prefix(self.prefix)
        if self.records_at_once < 1:
            raise SettingsError(f"records_at_once={self.records_at_once}: wanted 1 or more")
        if self.skipped_to == "-":
            raise SettingsError("skipped_to=-: wanted a file of its own; standard output is for the VCF")
        self._refuse_to_overwrite()

    def _refuse_to_overwrite(self) -> None:
        read = (self.vcf, self.synonyms, *self.data.paths)
        for name, path in (("output", self.output), ("skipped_to", self.skipped_to)):
            if among(path, read) is not None:
                raise SettingsError(f"{name}={path}: is the input itself; name another file")
        if self.skipped_to is not None and same_file(self.skipped_to, self.output):
            raise SettingsError(f"skipped_to={self.skipped_to}: is also the output; name another file")
