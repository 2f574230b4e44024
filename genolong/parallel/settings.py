"""Settings of how several devices share the work: by windows, and by slices of each window's sequence."""

from dataclasses import dataclass

from genolong.errors import SettingsError
from genolong.parallel.place import Place


@dataclass(frozen=True)
class ParallelSettings:
    """conf/trained/*.yaml, parallel: how the devices share windows."""

    sequence: int
    patience_s: int

    def __post_init__(self) -> None:
        if self.sequence < 1:
            raise SettingsError(f"parallel.sequence={self.sequence}: wanted 1 or more devices per window")
        if self.patience_s < 5:
            raise SettingsError(f"parallel.patience_s={self.patience_s}: wanted 5 seconds or more")

    def check_devices(self, devices: int) -> None:
        """Raise SettingsError if the number of processes is not a multiple of `sequence`."""
        place = Place.joined()
        if (place.size if place else devices) % self.sequence:
            wanted = f"trainer.devices={devices}" if place is None else f"the {place.size} processes that were started"
            raise SettingsError(
                f"parallel.sequence={self.sequence} does not divide {wanted}; use a multiple of parallel.sequence"
            )


@dataclass(frozen=True)
class TrainingParallelSettings(ParallelSettings):
    """conf/parallel/*.yaml: how the devices of a training share windows, weights and the optimizer's state."""

    share_weights: bool
