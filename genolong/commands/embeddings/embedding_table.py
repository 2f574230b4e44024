"""Embeddings as a Parquet file: a row per region (or per base of it), with the embedding as a fixed-size list."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genolong.commands.arrow_file import META, ArrowFile, arrow
from genolong.commands.embeddings.embedding_rows import Row, interval_of
from genolong.tasks.embedding import Embedded

NUMBERS = {"start": "int64", "end": "int64", "position": "int64", "offset": "int32"}  # all other columns are text
EMBEDDINGS = ("embedding", "alternate_embedding")


class EmbeddingTable(ArrowFile):
    """A table that is written under a temporary name, and renamed when complete."""

    def __init__(self, path: Path, width: int, origin: Mapping[str, Any], *, alleles: bool, per_base: bool) -> None:
        library, _ = arrow()
        of_alleles = ["position", "reference", "alternate"] if alleles else []
        of_bases = ["offset"] if per_base else []
        self._columns = ["name", "contig", "start", "end", "strand", *of_alleles, "status", *of_bases]
        self._embeddings = EMBEDDINGS[: 2 if alleles else 1]
        schema = library.schema(
            [
                *((name, getattr(library, NUMBERS.get(name, "string"))()) for name in self._columns),
                *((name, library.list_(library.float32(), width)) for name in self._embeddings),
            ],
            metadata={META: json.dumps(origin).encode()},
        )
        super().__init__(path, schema, [name for name in self._columns if name not in NUMBERS])

    def write(self, rows: Sequence[Row], embedded: Sequence[Embedded]) -> None:
        """Writes a block of targets and their states; with per=base a row per base, in forward-strand order."""
        bases = [found.states.shape[1] for found in embedded]
        columns = {name: np.repeat(values, bases) for name, values in _columns(rows, embedded).items()}
        columns["offset"] = np.concatenate([np.arange(count) for count in bases])
        arrays = [self._arrow.array(columns[name], self._schema.field(name).type) for name in self._columns]
        for allele, name in enumerate(self._embeddings):
            flat = np.concatenate([found.states[allele] for found in embedded]).ravel()
            kind = self._schema.field(name).type
            arrays.append(self._arrow.FixedSizeListArray.from_arrays(self._arrow.array(flat), type=kind))
        self.add(self._arrow.Table.from_arrays(arrays, schema=self._schema))


def read_table(path: Path) -> Iterator[tuple[str, str, np.ndarray]]:
    """For every embedding in the table: its row's name, its column, and its values."""
    _, parquet = arrow()
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches():
            names = batch.column("name").to_pylist()
            for column in (each for each in EMBEDDINGS if each in batch.schema.names):
                values = batch.column(column)
                states = values.flatten().to_numpy(zero_copy_only=False).reshape(len(names), -1)
                yield from ((name, column, state) for name, state in zip(names, states, strict=True))


def _columns(rows: Sequence[Row], embedded: Sequence[Embedded]) -> dict[str, np.ndarray]:
    places = [interval_of(row.target) for row in rows]
    text = {
        "name": [row.name for row in rows], "contig": [place.contig for place in places],
        "strand": [row.strand for row in rows], "reference": [row.reference for row in rows],
        "alternate": [row.alternate for row in rows], "status": [str(found.status) for found in embedded],
    }  # fmt: skip
    numbers = {
        "start": [place.start for place in places], "end": [place.end for place in places],
        "position": [row.position for row in rows],
    }  # fmt: skip
    shown = {name: np.array([_utf8(each) for each in values], dtype=object) for name, values in text.items()}
    return {**shown, **{name: np.array(values) for name, values in numbers.items()}}


def _utf8(text: str) -> str:
    """Valid UTF-8: names come from files, and may hold other bytes."""
    return text.encode("utf-8", "replace").decode()
