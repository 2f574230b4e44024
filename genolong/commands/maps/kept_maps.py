"""Blocks of a mutation map in order: first those kept by an interrupted run of the same command, then new ones."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from genolong.genome.alleles import numbers_of, statuses_of
from genolong.genome.coordinates import Interval
from genolong.long_work import follow
from genolong.parallel.team import Team
from genolong.runs.kept_blocks import KeptBlocks
from genolong.tasks.mutation_map import MappedBases, MutationMapper

ARRAYS = ("codes", "log_chances", "distances", "probabilities")  # fields of MappedBases; the last two may be None


def mapped_blocks(
    team: Team, mapper: MutationMapper, intervals: Sequence[Interval], kept: KeptBlocks
) -> Iterator[MappedBases]:
    """Maps of the intervals, block by block; new blocks are kept."""
    blocks = mapper.blocks(intervals)
    left = sum(interval.length for interval in intervals)
    for arrays in kept.before("mapped"):
        mapped = unpacked(next(blocks), arrays)
        yield mapped
        left -= mapped.interval.length
    advance = follow("mapping", left)
    for mapped in team.lead(mapper.read, blocks):
        kept.keep(packed(mapped))
        yield mapped
        advance(mapped.interval.length)


def packed(mapped: MappedBases) -> dict[str, np.ndarray]:
    """A block as named arrays, without its interval."""
    arrays = {name: getattr(mapped, name) for name in ARRAYS if getattr(mapped, name) is not None}
    return {**arrays, "statuses": numbers_of(mapped.statuses)}


def unpacked(interval: Interval, arrays: Mapping[str, np.ndarray]) -> MappedBases:
    """The block of that interval, from its arrays."""
    statuses = statuses_of(arrays["statuses"])
    return MappedBases(interval, statuses=statuses, **{name: arrays.get(name) for name in ARRAYS})  # type: ignore[arg-type]
