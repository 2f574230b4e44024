"""A Parquet file that grows beside its place, and gets its name when it is complete; pyarrow is asked for here."""

from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from genolong.errors import SettingsError
from genolong.genome.files.partial_file import PartialFile

META = b"genolong"  # the key of the schema's metadata that says where a table comes from
ROW_GROUP = 1 << 14  # rows written together, or a block where it is longer


def arrow(setting: str = "output") -> tuple[ModuleType, ModuleType]:
    """pyarrow and pyarrow.parquet; raises SettingsError, naming the setting, where they are not installed."""
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise SettingsError(
            f"{setting}: a Parquet file needs pyarrow, which is not installed; run `pip install genolong[parquet]` (or "
            "`pip install pyarrow`)"
        ) from error


class ArrowFile:
    """Takes tables of one schema; columns of words, which repeat, are kept as dictionaries."""

    def __init__(self, path: Path, schema: Any, words: Sequence[str]) -> None:
        self._arrow, parquet = arrow()
        self.rows = 0
        self._file = PartialFile(path)
        self._sink = _Sink(self._file)
        try:
            sink = self._arrow.PythonFile(self._sink, mode="w")
            self._writer = parquet.ParquetWriter(sink, schema, compression="zstd", use_dictionary=list(words))
        except BaseException:
            self._sink.wanted = False
            self._file.discard()
            raise
        self._held: list[Any] = []  # tables that are still to be written, as one group of rows

    def write(self, table: Any) -> None:
        """Some more rows."""
        self._held.append(table)
        self.rows += len(table)
        if sum(map(len, self._held)) >= ROW_GROUP:
            self._flush()

    def end(self) -> None:
        """No more comes: all of it is on the disk, under another name."""
        self._flush()
        self._writer.close()  # a second time changes nothing
        self._file.sync()

    def complete(self) -> None:
        """The file gets its name."""
        self.end()
        self._file.complete()

    def discard(self) -> None:
        """Nothing of it is wanted."""
        self._sink.wanted = False  # pyarrow writes the end of the file, now or when it is forgotten
        with suppress(Exception):
            self._writer.close()
        self._file.discard()

    def _flush(self) -> None:
        if self._held:
            self._writer.write_table(self._arrow.concat_tables(self._held), row_group_size=self.rows)
            self._held = []


class _Sink:
    """What pyarrow asks of a file."""

    def __init__(self, file: PartialFile) -> None:
        self._file, self.closed, self.wanted = file, False, True

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self.wanted:
            self._file.write(bytes(data))
        return len(data)

    def tell(self) -> int:
        return self._file.size

    def flush(self) -> None:
        """Written at once."""

    def close(self) -> None:
        self.closed = True
