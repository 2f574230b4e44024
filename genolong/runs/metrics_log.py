"""metrics.csv: a row per logging call; a resumed run appends to it, without lost or repeated rows."""

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from genolong.counted import counted
from genolong.genome.files.partial_file import naming

Row = Mapping[str, Any]
NOT_METRICS = ("epoch", "step")


class MetricsLog(Logger):
    """Writes each row as soon as it is logged, after the `earlier` rows; columns are sorted by name."""

    def __init__(self, path: Path, earlier: Sequence[Row] = ()) -> None:
        super().__init__()
        self.path, self._earlier = path, list(earlier)
        self._columns: list[str] = []
        self._file: TextIO | None = None
        self.latest: dict[str, float] = {}  # the last value of every metric
        for row in self._earlier:
            self._note(row)

    @property
    def name(self) -> str:
        """Required by Lightning; unused, since the path is known."""
        return ""

    @property
    def version(self) -> str:
        """Required by Lightning; unused, since the path is known."""
        return ""

    def log_hyperparams(self, *_: Any, **__: Any) -> None:
        """Does nothing: settings are kept elsewhere."""

    @rank_zero_only
    def begin(self) -> None:
        """Rewrites the file with the earlier rows only."""
        if self._file is not None:
            self._file.close()
        partial = self.path.with_name(f"{self.path.name}.partial")
        with naming(partial), partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, self._columns)
            writer.writeheader()
            writer.writerows(self._earlier)
            _sync(file)
        os.replace(partial, self.path)
        self._file = self.path.open("a", newline="")

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Logs a row: the first process writes it, and every process keeps the latest values."""
        plain = {name: float(value) if name != "epoch" else int(value) for name, value in metrics.items()}
        row, known = {**plain, "step": step}, list(self._columns)
        self._note(row)
        self._write(row, known)

    @rank_zero_only
    def _write(self, row: Row, known: list[str]) -> None:
        if self._file is None or known != self._columns:
            self._earlier = rows_of(self.path) if self._file is not None else self._earlier
            self.begin()
        assert self._file is not None
        with naming(self.path):
            csv.DictWriter(self._file, self._columns).writerow(row)
            self._file.flush()

    @rank_zero_only
    def sync(self) -> None:
        """Syncs the file, so that its rows survive a power failure."""
        if self._file is not None:
            with naming(self.path):
                _sync(self._file)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _note(self, row: Row) -> None:
        self._columns = sorted({*self._columns, *row})
        self.latest |= {name: float(value) for name, value in row.items() if name not in NOT_METRICS and value != ""}


def rows_of(path: Path) -> list[dict[str, str]]:
    """All complete rows of a metrics.csv; none if the file does not exist."""
    return [row for _, row in _rows(path) if _is_whole(row)]


def rows_before(path: Path, step: int, *, validated: bool) -> list[dict[str, str]]:
    """The rows of a metrics.csv from the first `step` steps (they are numbered from 0 there).

    Leaves out the last step's validation unless `validated`.
    """
    rows = [row for row in rows_of(path) if int(row["step"]) < step]
    return [row for row in rows if validated or int(row["step"]) < step - 1 or not row.get("validation/loss")]


def lost_rows(path: Path, step: int) -> tuple[str, ...]:
    """Messages about rows that are missing or damaged among the first `step` steps of a metrics.csv.

    The last line may be cut off, if a process was killed while writing it.
    """
    if not path.is_file():
        return (f"{path}: is missing; what was logged for {counted(step, 'step')} is lost",) if step else ()
    rows = list(_rows(path))
    broken = [line for line, row in rows[:-1] if not _is_whole(row)]
    steps = {int(row["step"]) for _, row in rows if _is_whole(row)}
    notes = []
    if broken:
        notes.append(
            f"{path}, line {broken[0]}: {'a row' if len(broken) == 1 else f'the first of {len(broken)} rows'} without "
            "a number in every column; left out"
        )
    if missing := step - len(steps & set(range(step))):
        notes.append(f"{path}: has no row for {missing:,} of {counted(step, 'step')}; what was logged for them is lost")
    return tuple(notes)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """All rows after the header, with their line numbers, up to the first that is not CSV."""
    with suppress(FileNotFoundError, csv.Error), path.open(newline="", encoding="utf-8", errors="replace") as file:
        reader = csv.DictReader(file)
        for row in reader:
            yield reader.line_num, row


def _is_whole(row: Mapping[Any, Any]) -> bool:
    """Whether a row has all columns, each with a number or empty."""
    try:
        return int(row["step"]) >= 0 and all(value == "" or float(value) is not None for value in row.values())
    except (KeyError, TypeError, ValueError):
        return False


def _sync(file: TextIO) -> None:
    file.flush()
    os.fsync(file.fileno())
