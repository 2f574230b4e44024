"""What weights learned from: their training and all earlier ones, so that leakage can be detected."""

from collections.abc import Iterable, Mapping, Sequence
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
MAYBE = "; it may have read what is held out here"


class UntoldError(Exception):
    """It cannot be told which bases a training read; the message continues "the model ..."."""


@dataclass(frozen=True)
class Earlier:
    """A training of the weights: its training data is what `split` gives for these settings and files."""

    data: DataSettings
    window_bp: int
    inputs_sha256: Any
    regions_sha256: Any

    def stretches(self, genome: Genome) -> list[Interval]:
        """The parts of `genome` that it read; files are known by their content. Raises UntoldError."""
        own = set(self.inputs_sha256.values())
        if own.isdisjoint(genome.sha256.values()):
            raise UntoldError(f"was trained on other files{MAYBE}")
        if not all(
            Path(bed).is_file() and sha256_of(bed) == self.regions_sha256.get(bed) for bed in self.data.beds
        ):  # fmt: skip
            raise UntoldError(f"was trained with BED files that are missing or have changed{MAYBE}")
        whole = genome if own == set(genome.sha256.values()) else self._opened()
        try:
            read = split(whole, self.data, self.window_bp).train
        except InputError as error:  # such as contigs named by files that have other names now
            raise UntoldError(f"was trained on parts of these files that are not there ({error}){MAYBE}") from error
        return whole.named_in(genome, read)

    def _opened(self) -> Genome:
        """All of its files, of which only some are in use now."""
        why = "was trained on some of these files, and on others that are missing or have changed"
        untold = UntoldError(why + MAYBE)
        try:
            whole = Genome.open(self.data.paths, self.data.cache)
        except InputError as error:
            raise untold from error
        if set(whole.sha256.values()) != set(self.inputs_sha256.values()):
            raise untold
        return whole


def read_before(trainings: Iterable[Earlier], genome: Genome) -> tuple[list[Interval], list[str]]:
    """The parts of `genome` that the trainings read, and, of those trainings where that cannot be told, why."""
    found: list[Interval] = []
    untold: dict[str, None] = {}
    for each in trainings:
        try:
            found += each.stretches(genome)
        except UntoldError as error:
            untold[str(error)] = None
    return found, list(untold)


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
