"""The settings of `plan`: those of a training, and the device that it would run on."""

from dataclasses import dataclass

import torch

from genolong.commands.machine import copy_rate, memory_there, product_rate
from genolong.errors import SettingsError
from genolong.model.costs.seconds import Rates
from genolong.runs.folder import RECORD
from genolong.settings import TrainSettings


@dataclass(frozen=True)
class DeviceSettings:
    """conf/device/*.yaml: memory and speed of one device."""

    kind: str
    memory_gb: float | None
    tflops_32: float | None
    tflops_16: float | None
    reached: float
    memory_gb_s: float | None
    link_gb_s: float
    start_us: float
    process_gb: float

    def __post_init__(self) -> None:
        if self.kind not in ("auto", "cpu", "cuda"):
            raise SettingsError(f"device.kind={self.kind}: wanted auto, cpu or cuda")
        for name in ("memory_gb", "tflops_32", "tflops_16", "reached", "memory_gb_s", "link_gb_s"):
            value = getattr(self, name)
            if value is None and self.kind == "cuda" and not torch.cuda.is_available():
                raise SettingsError(f"device.{name}=null: torch sees no GPU here to measure; give the number")
            if value is not None and not value > 0:
                raise SettingsError(f"device.{name}={value}: wanted more than 0")
        for name in ("start_us", "process_gb"):
            if getattr(self, name) < 0:
                raise SettingsError(f"device.{name}={getattr(self, name)}: wanted 0 or more")

    @property
    def cuda(self) -> bool:
        """Whether it is a GPU."""
        return self.kind == "cuda" or (self.kind == "auto" and torch.cuda.is_available())

    def memory(self, devices: int) -> int:
        """Bytes for each of `devices` processes on this machine; each GPU has its own."""
        if self.memory_gb is not None:
            return round(1e9 * self.memory_gb)
        return memory_there(self.cuda) // (1 if self.cuda else devices)

    def rates(self, half: bool, devices: int) -> Rates:
        """The rates that one of `devices` processes on this machine reaches; those not given are measured."""
        tera = self.tflops_16 if half else self.tflops_32
        sharing = 1 if self.cuda else devices
        operations = product_rate(self.cuda, half) / sharing if tera is None else 1e12 * tera
        moved = copy_rate(self.cuda) / sharing if self.memory_gb_s is None else 1e9 * self.memory_gb_s
        return Rates(self.reached * operations, moved, 1e9 * self.link_gb_s, 1e-6 * self.start_us if self.cuda else 0)


@dataclass(frozen=True)
class PlanSettings(TrainSettings):
    """conf/plan.yaml: a training, and the device that it would run on."""

    device: DeviceSettings
    json: str | None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.json is not None and not self.json.endswith(".json"):
            raise SettingsError(f"json={self.json}: wanted the name of a file of figures, which ends in .json")
        if self.json is not None and self.json.endswith(RECORD):
            raise SettingsError(f"json={self.json}: is the name of a record of what was made; name another file")
