"""Blocks of embeddings in order: first those that were kept when the same command was stopped, then new ones."""

import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from genolong.commands.embedding_rows import Row, Rows
from genolong.genome.alleles import Status
from genolong.long_work import Follow
from genolong.parallel.team import Team
from genolong.runs.kept_blocks import KeptBlocks
from genolong.tasks.embedding import Embedded, Embedder

logger = logging.getLogger(__name__)

STATUSES = list(Status)


def embedded_blocks(
    team: Team, embedder: Embedder, rows: Rows, kept: KeptBlocks | None, follow: Follow
) -> Iterator[tuple[list[Row], list[Embedded]]]:
    """Every block of rows and what the model makes of them; `follow` is told how far it is.

    New blocks are kept, but for `kept` None.
    """
    done = 0
    if kept and kept.resumed:
        logger.info("going on after %s blocks that were embedded before", f"{kept.resumed:,}")
        advance = follow("reading what was embedded before", kept.resumed)
        for arrays in kept.before():
            block, done = next(rows.blocks)
            yield block, unpacked(arrays)
            advance(1)
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
    """As arrays: how whole each window is, how many states are its own, and all (alleles, bases, width)."""
    return {
        "statuses": np.array([STATUSES.index(each.status) for each in embedded], np.uint8),
        "bases": np.array([each.states.shape[1] for each in embedded], np.int64),
        "states": np.concatenate([each.states for each in embedded], axis=1),
    }


def unpacked(arrays: Mapping[str, np.ndarray]) -> list[Embedded]:
    """What was packed."""
    parts = np.split(arrays["states"], np.cumsum(arrays["bases"])[:-1], axis=1)
    return [
        Embedded(STATUSES[status], states) for status, states in zip(arrays["statuses"].tolist(), parts, strict=True)
    ]  # fmt: skip


def _targets(rows: Rows, handed: deque[tuple[list[Row], int]]) -> Iterator[list[Any]]:
    for block, read in rows.blocks:
        handed.append((block, read))
        yield [row.target for row in block]
