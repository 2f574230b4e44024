"""metrics.csv: a row each time that something is logged; a resumed run goes on with it, no row lost or twice."""

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from genolong.counted import counted

Row = Mapping[str, Any]
NOT_METRICS = ("epoch", "step")


class MetricsLog(Logger):
    """Rows are in the file as soon as they are logged, behind `earlier` ones; columns are sorted by name."""

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
        """Of no use: the path is known."""
        return ""

    @property
    def version(self) -> str:
        """Of no use: the path is known."""
        return ""

    def log_hyperparams(self, *_: Any, **__: Any) -> None:
        """The settings are kept elsewhere."""

    @rank_zero_only
    def begin(self) -> None:
        """Leaves the earlier rows in the file and nothing else."""
        if self._file is not None:
            self._file.close()
        partial = self.path.with_name(f"{self.path.name}.partial")
        with partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, self._columns)
            writer.writeheader()
            writer.writerows(self._earlier)
            _sync(file)
        os.replace(partial, self.path)
        self._file = self.path.open("a", newline="")

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Writes a row; of several processes the first one does, and all know the latest values."""
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
        csv.DictWriter(self._file, self._columns).writerow(row)
        self._file.flush()

    @rank_zero_only
    def sync(self) -> None:
        """What was logged outlives a power failure, too."""
        if self._file is not None:
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
    """All whole rows of a metrics.csv that hold numbers; none where there is no such file."""
    return [row for _, row in _rows(path) if _is_whole(row)]


def rows_before(path: Path, step: int, *, validated: bool) -> list[dict[str, str]]:
    """The rows of a metrics.csv that a run wrote up to its step of that number; steps count from 0 in it.

    Without that step's validation where it is not `validated`.
    """
    rows = [row for row in rows_of(path) if int(row["step"]) < step]
    return [row for row in rows if validated or int(row["step"]) < step - 1 or not row.get("validation/loss")]


def lost_rows(path: Path, step: int) -> tuple[str, ...]:
    """What is to be told of a metrics.csv that does not hold all that a run wrote up to its step of that number.

    The last line may be cut off: a process that was killed was writing it.
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
    """All lines but the first, with their numbers; a line that is no CSV ends them."""
    with suppress(FileNotFoundError, csv.Error), path.open(newline="", encoding="utf-8", errors="replace") as file:
        reader = csv.DictReader(file)
        for row in reader:
            yield reader.line_num, row


def _is_whole(row: Mapping[Any, Any]) -> bool:
    """Whether it has all columns, and in each of them a number or nothing."""
    try:
        return int(row["step"]) >= 0 and all(value == "" or float(value) is not None for value in row.values())
    except (KeyError, TypeError, ValueError):
        return False


def _sync(file: TextIO) -> None:
    file.flush()
    os.fsync(file.fileno())
