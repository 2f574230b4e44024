"""A training's folder: where the training resumes, and the settings, record and metrics that it writes."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import OmegaConf

from genolong.commands.machine import peak_memory
from genolong.commands.training.legs import went_on
from genolong.commands.training.placed import told_by_the_first
from genolong.commands.training.resuming import Beginning, Wanted, beginning
from genolong.loading.step_loader import waited_s
from genolong.parallel.place import Place
from genolong.runs.folder import make_folder
from genolong.runs.metrics_log import MetricsLog
from genolong.runs.record import finished, recorded, write_record
from genolong.runs.saved import sweep

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class RunFolder:
    """Where a training begins, its log so far, and its record; only the first process writes them."""

    folder: Path
    writes: bool
    start: Beginning
    log: MetricsLog
    record: dict[str, Any]

    @classmethod
    def opened(cls, place: Place, wanted: Wanted, folder: Path, record: dict[str, Any]) -> "RunFolder":
        """Opens a folder that no other process uses, for a new or resumed run; raises as `beginning` does."""
        start = told_by_the_first(place, beginning, wanted, folder)
        if start.before is not None:
            leg = went_on(start.before, record, start.step, start.checkpoint)
            record = {**record, "resumed": [*start.before.get("resumed", []), leg]}
        log = MetricsLog(folder / "metrics.csv", start.rows)
        if place.rank == 0:
            make_folder(folder, Path(wanted.settings["run"]["folder"], wanted.settings["run"]["name"]))
            sweep(folder)
            for note in start.notes:
                logger.info(note)
            OmegaConf.save(OmegaConf.create(dict(wanted.settings)), folder / "config.yaml")
            write_record(folder, record)
            log.begin()
        return cls(folder, place.rank == 0, start, log, record)

    @contextmanager
    def recorded(self, trainer: pl.Trainer) -> Iterator[None]:
        """If an error ends the context, writes it into the record."""
        try:
            with recorded(self.folder, self.record, trainer) if self.writes else nullcontext():
                yield
        finally:
            self.log.finalize("")

    def finish(self, trainer: pl.Trainer, results: Mapping[str, Any]) -> dict[str, Any]:
        """Writes the record with the training's results, and returns it."""
        about = {
            "steps": trainer.global_step, "metrics": self.log.latest, "peak_memory_bytes": peak_memory(),
            "waited_for_data_s": round(waited_s(trainer), 3),
        }  # fmt: skip
        record = finished(self.record, {**about, **results})
        if self.writes:
            write_record(self.folder, record)
        return record
