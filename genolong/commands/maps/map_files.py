"""The files of a mutation map, written in parallel: VCF, tables and tracks; all get their names at the end."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from genolong.commands.arrow_file import arrow
from genolong.commands.maps.map_records import header_lines, records_of, undeclared
from genolong.commands.maps.map_settings import MapSettings
from genolong.commands.maps.map_table import ParquetTable, TextTable
from genolong.commands.variants.effect_fields import EffectFields
from genolong.errors import SettingsError
from genolong.genome.tracks import Track
from genolong.genome.vcf_writer import VcfWriter
from genolong.tasks.mutation_map import MappedBases, MutationMapper

TRACKS = ("importance", "uncertainty")  # properties of MappedBases
SHOWN = 3  # names in a message


class MapFiles:
    """Starts all files; `contigs` are the lengths of all contigs, in the order of the map.

    Leaving the `with` block gives the files their final names, once all are on disk; after an error, all are removed.
    `notes` are for the user. Raises SettingsError if a requested library is not installed, OutputError if a file cannot
    be created.
    """

    def __init__(
        self, settings: MapSettings, mapper: MutationMapper, chance_of: str, origin: Mapping[str, str],
        contigs: Mapping[str, int],
    ) -> None:  # fmt: skip
        self.notes: list[str] = []
        self.paths: list[Path] = []
        self._fields = EffectFields(settings.prefix, mapper.scorer.with_distance, chance_of)
        with_parquet = _with_parquet(settings.parquet, self.notes)
        self._settings = settings
        with ExitStack() as undone:
            self._vcf = VcfWriter(self._named(".vcf.gz"))
            undone.callback(self._vcf.discard)
            self._tables: list[TextTable | ParquetTable] = [TextTable(self._named(".tsv"))]
            undone.callback(self._tables[0].discard)
            if with_parquet:
                with_distance, with_probability = mapper.scorer.with_distance, mapper.with_probability
                table = ParquetTable(
                    self._named(".parquet"), origin, with_distance=with_distance, with_probability=with_probability
                )
                self._tables.append(table)
                undone.callback(table.discard)
            self._tracks: list[tuple[str, Track]] = []
            for name in TRACKS:
                track = Track(self._named(f".{name}.bedgraph"), self._named(f".{name}.bw"), contigs)
                undone.callback(track.discard)
                self._tracks.append((name, track))
            header = header_lines(self._fields, origin, settings.flank, contigs)
            self._vcf.write_header(header)
            if forbidden := undeclared(contigs):
                more = f" and {len(forbidden) - SHOWN:,} more" if len(forbidden) > SHOWN else ""
                self.notes.append(
                    f"{self._named('.vcf.gz')}: the VCF specification forbids some names of contigs "
                    f"({', '.join(forbidden[:SHOWN])}{more}), so its header does not declare them; "
                    "other programs may not read their records"
                )
            self._line = len(header) + 1
            undone.pop_all()

    def write(self, mapped: MappedBases) -> None:
        """Writes the next bases."""
        for record in records_of(mapped, self._fields, self._line):
            self._vcf.write(record)
        self._line += mapped.interval.length
        for table in self._tables:
            table.write(mapped)
        for name, track in self._tracks:
            track.write(mapped.interval, getattr(mapped, name))

    def __enter__(self) -> "MapFiles":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        files = [*self._tables, *(track for _, track in self._tracks)]
        try:
            if kind is None:
                for file in files:  # a full disk raises here, before any file has its name
                    file.end()
                self._vcf.finish()
                for file in files:
                    file.complete()
                self.notes += self._vcf.notes
        except BaseException:
            self._discard(files)
            raise
        if kind is not None:
            self._discard(files)

    def _discard(self, files: list[Any]) -> None:
        with ExitStack() as stack:
            for file in (self._vcf, *files):
                stack.callback(file.discard)

    def _named(self, end: str) -> Path:
        self.paths.append(self._settings.file(end))
        return self.paths[-1]


def _with_parquet(whether: str, notes: list[str]) -> bool:
    """Whether to write the table as Parquet, too; if `auto` lacks the library, adds a note."""
    if whether == "no":
        return False
    try:
        arrow(f"parquet={whether}")
    except SettingsError as error:
        if whether == "yes":
            raise
        notes.append(f"not written: {error}")
        return False
    return True
