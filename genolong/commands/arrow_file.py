"""A Parquet file that is written under a temporary name and renamed when complete; imports pyarrow on demand."""

from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from genolong.errors import SettingsError
from genolong.genome.files.other_kinds import refuse_other_kind
from genolong.genome.files.partial_file import PartialFile

META = b"genolong"  # key of the schema's metadata for a table's origin
MAGIC = b"PAR1"  # how a Parquet file begins
ROW_GROUP = 1 << 14  # rows per row group; a longer block is one of its own


def arrow(setting: str = "output") -> tuple[ModuleType, ModuleType]:
    """pyarrow and pyarrow.parquet; raises SettingsError, naming the setting, if they are not installed."""
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise SettingsError(
            f"{setting}: a Parquet file needs pyarrow, which is not installed; run `pip install genolong[parquet]` (or "
            "`pip install pyarrow`)"
        ) from error


class ArrowFile:
    """Takes tables of one schema; the text columns `words`, whose values repeat, are dictionary-encoded."""

    def __init__(self, path: Path, schema: Any, words: Sequence[str]) -> None:
        self._arrow, parquet = arrow()
        self._schema = schema
        refuse_other_kind(path, MAGIC, "a Parquet file")
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
        self._held: list[Any] = []  # tables waiting to be written as one row group

    def add(self, table: Any) -> None:
        """Adds the rows of a table."""
        self._held.append(table)
        self.rows += len(table)
        if sum(map(len, self._held)) >= ROW_GROUP:
            self._flush()

    def end(self) -> None:
        """Writes everything to disk, still under the temporary name; no rows can follow."""
        self._flush()
        self._writer.close()  # closing twice does no harm
        self._file.sync()

    def complete(self) -> None:
        """Gives the file its final name."""
        self.end()
        self._file.complete()

    def discard(self) -> None:
        """Deletes the file."""
        self._sink.wanted = False  # pyarrow writes the file's footer now or when garbage-collected
        with suppress(Exception):
            self._writer.close()
        self._file.discard()

    def _flush(self) -> None:
        if self._held:
            self._writer.write_table(self._arrow.concat_tables(self._held), row_group_size=self.rows)
            self._held = []


class _Sink:
    """The file interface that pyarrow writes to."""

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
        """Does nothing: writes are immediate."""

    def close(self) -> None:
        self.closed = True
