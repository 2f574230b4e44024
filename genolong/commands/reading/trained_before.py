"""What weights learned from before the current training: all earlier trainings, so that leakage can be detected."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genolong.errors import InputError, UnsafeInputError
from genolong.genome.coordinates import Interval
from genolong.genome.fasta import Genome
from genolong.genome.files.hashed import sha256_of
from genolong.loading.windows import DataSettings, split
from genolong.settings import check, refuse_active

BEFORE = "trained_before"  # its key in checkpoints and records
MOST = 64


@dataclass(frozen=True)
class Earlier:
    """An earlier training of the same weights: its training data is what `split` gives for these settings and files."""

    data: DataSettings
    window_bp: int
    inputs_sha256: Any
    regions_sha256: Any

    def knows(self, genome: Genome) -> bool:
        """Whether it read these FASTA files, judged by their content."""
        return set(self.inputs_sha256.values()) == set(genome.sha256.values())

    def regions_are_there(self) -> bool:
        """Whether its BED files are still in place and unchanged."""
        return all(
            Path(bed).is_file() and sha256_of(bed) == self.regions_sha256.get(bed) for bed in self.data.beds
        )  # fmt: skip

    def stretches(self, genome: Genome) -> tuple[Interval, ...]:
        """Its training regions, for a genome that it `knows`."""
        return split(genome, self.data, self.window_bp).train


def trained_before(about: Mapping[str, Any], place: Path) -> tuple[Earlier, ...]:
    """The trainings before a checkpoint's own; raises InputError if the checkpoint does not list them properly."""
    listed = about.get(BEFORE, [])
    try:
        if not isinstance(listed, Sequence) or len(listed) > MOST:
            raise TypeError(f"wanted a list of at most {MOST}")
        refuse_active({BEFORE: listed})
        return tuple(_earlier(each) for each in listed)
    except UnsafeInputError as error:
        raise UnsafeInputError(f"{place}: {error}") from error
    except (InputError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{place}: does not say what its weights were trained on before ({error})") from error


def _earlier(said: Mapping[str, Any]) -> Earlier:
    hashes = {name: dict(said[name]) for name in ("inputs_sha256", "regions_sha256")}
    return check({"data": said["data"], "window_bp": said["window_bp"], **hashes}, Earlier)
