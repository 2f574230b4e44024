"""Pictures of a mutation map: which regions to draw, their file names, and the data kept for them."""

import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from genolong.commands.maps.map_settings import MapSettings
from genolong.genome.coordinates import Interval
from genolong.long_work import follow
from genolong.report.mutation_map import draw_map
from genolong.report.mutation_rows import DrawnMap
from genolong.tasks.mutation_map import MappedBases

LONGEST_BP = 1_000_000  # longest region to draw


class MapPictures:
    """Collects the data for pictures; `notes` says which regions are not drawn."""

    def __init__(self, settings: MapSettings, intervals: Sequence[Interval], origin: str) -> None:
        self._settings, self._origin, self._alone = settings, origin, len(intervals) == 1
        drawn = [interval for interval in intervals[: settings.pictures] if interval.length <= LONGEST_BP]
        self._kept: dict[Interval, list[MappedBases]] = {interval: [] for interval in drawn}
        self.notes: list[str] = []
        if settings.pictures and len(drawn) < len(intervals):
            self.notes.append(
                f"drawn: {len(drawn):,} of {len(intervals):,} regions, the first {settings.pictures} (pictures=) of at "
                f"most {LONGEST_BP:,} bases"
            )

    def keep(self, mapped: MappedBases) -> None:
        """Takes the next bases, and keeps those of regions to draw."""
        for interval, parts in self._kept.items():
            if interval.overlaps(mapped.interval):
                parts.append(mapped)

    def draw(self) -> list[Path]:
        """Draws a PNG and an SVG per region, and returns their paths."""
        if not self._kept:
            return []
        advance, paths = follow("drawing", len(self._kept)), []
        for interval, parts in self._kept.items():
            advance(1)
            if not any(part.known.any() for part in parts):
                self.notes.append(f"{interval}: has no A, C, G or T, so it is not drawn")
                continue
            codes = np.concatenate([part.codes for part in parts])
            log_chances = np.concatenate([part.log_chances for part in parts])
            drawn = DrawnMap(interval.contig, interval.start, codes, log_chances, self._origin)
            paths += draw_map(drawn, [self._file(interval, end) for end in (".png", ".svg")])
        return paths

    def _file(self, interval: Interval, end: str) -> Path:
        if self._alone:
            return self._settings.file(end)
        contig = re.sub(r"[^A-Za-z0-9._-]", "_", interval.contig)
        if contig != interval.contig:  # others may become equal
            contig = f"{contig}.{sha256(interval.contig.encode()).hexdigest()[:8]}"
        return self._settings.file(f".{contig}_{interval.start + 1}-{interval.end}{end}")
