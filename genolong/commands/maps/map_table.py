"""A mutation map as a table with a row per base: as TSV, and as Parquet if pyarrow is installed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from genolong.commands.arrow_file import META, ArrowFile, arrow
from genolong.genome.alphabet import BASES
from genolong.genome.files.other_kinds import refuse_other_kind
from genolong.genome.files.whole_text import WholeText
from genolong.genome.tracks import rounded
from genolong.genome.tracks import shown as numbers
from genolong.tasks.mutation_map import MappedBases

TEXT = ("contig", "reference", "status")
PLACES = ("start", "end")
_LETTERS = np.array([*BASES, "N"])


def columns_of(mapped: MappedBases) -> dict[str, Any]:
    """Name → values: positions as in BED, text as lists, numbers as float64 with NaN where missing.

    `llr_A` is the LLR of the substitution by A (0 where the reference is A), `p_A` the model's probability of A there.
    """
    start = mapped.interval.start + np.arange(mapped.interval.length)
    columns = {
        "contig": [mapped.interval.contig] * len(start), "start": start, "end": start + 1,
        "reference": _LETTERS[mapped.codes].tolist(), "status": [str(status) for status in mapped.statuses],
        "importance_nats": mapped.importance, "uncertainty_bits": mapped.uncertainty,
    }  # fmt: skip
    for name, values in (
        ("llr", mapped.llr), ("p", np.exp(mapped.log_chances)), ("distance", mapped.distances),
        ("probability", mapped.probabilities),
    ):  # fmt: skip
        if values is not None:
            columns |= {f"{name}_{base}": values[:, code] for code, base in enumerate(BASES)}
    return columns


class TextTable(WholeText):
    """A tab-separated table with a header line; missing numbers are empty."""

    def __init__(self, path: Path) -> None:
        refuse_other_kind(path, f"{TEXT[0]}\t".encode(), "the table of a map")
        super().__init__(path)
        self._begun = False

    def write(self, mapped: MappedBases) -> None:
        """Writes a row per base."""
        columns = columns_of(mapped)
        if not self._begun:
            self.text.write(("\t".join(columns) + "\n").encode())
            self._begun = True
        shown = [_text(name, values) for name, values in columns.items()]
        self.text.write("".join("\t".join(row) + "\n" for row in zip(*shown, strict=True)).encode())


class ParquetTable(ArrowFile):
    """The same rows and columns, with null for missing numbers; `origin` goes into the file's metadata."""

    def __init__(self, path: Path, origin: Mapping[str, Any], *, with_distance: bool, with_probability: bool) -> None:
        library, _ = arrow()
        figures = [
            "importance_nats", "uncertainty_bits",
            *(
                f"{name}_{base}"
                for name, there in (
                    ("llr", True), ("p", True), ("distance", with_distance), ("probability", with_probability)
                ) if there for base in BASES
            ),
        ]  # fmt: skip
        kinds = {
            "contig": library.string(), "start": library.int64(), "end": library.int64(),
            "reference": library.string(), "status": library.string(), **dict.fromkeys(figures, library.float32()),
        }  # fmt: skip
        schema = library.schema(list(kinds.items()), metadata={META: json.dumps(origin).encode()})
        super().__init__(path, schema, list(TEXT))

    def write(self, mapped: MappedBases) -> None:
        """Writes a row per base."""
        columns = columns_of(mapped)
        arrays = [
            self._arrow.array(
                columns[field.name] if field.name in TEXT + PLACES else rounded(columns[field.name]), field.type,
                from_pandas=field.name not in TEXT + PLACES,
            )
            for field in self._schema
        ]  # fmt: skip
        self.add(self._arrow.Table.from_arrays(arrays, schema=self._schema))


def _text(name: str, values: Any) -> list[str]:
    if name in TEXT:
        return values
    if name in PLACES:
        return [str(value) for value in values.tolist()]
    return ["" if value == "nan" else value for value in numbers(values)]
