"""Blocks of embeddings in order: first those kept by an interrupted run of the same command, then new ones."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from genolong.commands.embeddings.embedding_rows import Row, Rows
from genolong.genome.alleles import numbers_of, statuses_of
from genolong.long_work import follow
from genolong.parallel.team import Team
from genolong.runs.kept_blocks import KeptBlocks
from genolong.tasks.embedding import Embedded, Embedder


def embedded_blocks(
    team: Team, embedder: Embedder, rows: Rows, kept: KeptBlocks | None
) -> Iterator[tuple[list[Row], list[Embedded]]]:
    """Every block of rows with its embeddings; new blocks are kept, unless `kept` is None."""
    done = 0
    for arrays in kept.before("embedded") if kept else ():
        block, done = next(rows.blocks)
        yield block, unpacked(arrays)
    advance = follow("embedding", rows.total and rows.total - done)
    handed: deque[tuple[list[Row], int]] = deque()
    for embedded in team.lead(embedder.read, _targets(rows, handed)):
        block, read = handed.popleft()
        if kept:
            kept.keep(packed(embedded))
        yield block, embedded
        advance(read - done)
        done = read


def packed(embedded: Sequence[Embedded]) -> dict[str, np.ndarray]:
    """A block as arrays: window statuses, number of states per target, and all states (alleles, bases, width)."""
    return {
        "statuses": numbers_of(each.status for each in embedded),
        "bases": np.array([each.states.shape[1] for each in embedded], np.int64),
        "states": np.concatenate([each.states for each in embedded], axis=1),
    }


def unpacked(arrays: Mapping[str, np.ndarray]) -> list[Embedded]:
    """The embeddings of a block, from its arrays."""
    parts = np.split(arrays["states"], np.cumsum(arrays["bases"])[:-1], axis=1)
    return [Embedded(*each) for each in zip(statuses_of(arrays["statuses"]), parts, strict=True)]


def _targets(rows: Rows, handed: deque[tuple[list[Row], int]]) -> Iterator[list[Any]]:
    for block, read in rows.blocks:
        handed.append((block, read))
        yield [row.target for row in block]
