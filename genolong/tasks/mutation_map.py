"""Mutation maps: scores of all three substitutions at every base of a region, and the model's uncertainty there."""

from collections.abc import Iterable, Iterator
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, UInt8

from genolong.counted import counted
from genolong.genome.alleles import Status
from genolong.genome.alphabet import BASES, N
from genolong.genome.coordinates import Interval
from genolong.genome.edit import Variant
from genolong.genome.substitutions import PerBase, importance_of, llr_of, uncertainty_of
from genolong.genome.wholeness import wholeness
from genolong.loading.passes import Site
from genolong.tasks.variant_effect import VariantScorer

LEAST_BLOCK = 64  # bases


class MappedBases(NamedTuple):
    """The model's distribution over A C G T at every base of an interval; NaN where the base is N.

    `log_chances` are log probabilities in nats, `statuses` those of each base's window. `distances` and `probabilities`
    are of the substitution by each base (NaN for the base itself), None if not requested.
    """

    interval: Interval
    codes: UInt8[np.ndarray, " bases"]
    log_chances: PerBase
    statuses: list[Status]
    distances: PerBase | None
    probabilities: PerBase | None

    def __repr__(self) -> str:
        shown = f"{self.interval}: {counted(self.interval.length, 'base')}, {int(self.known.sum()):,} of them known"
        held = [name for name in ("distances", "probabilities") if getattr(self, name) is not None]
        return f"MappedBases({shown}; {', '.join(('llr', 'importance', 'uncertainty', *held))})"

    @property
    def known(self) -> np.ndarray:
        """Which bases are A C G T."""
        return self.codes < N

    @property
    def llr(self) -> PerBase:
        """Log p(base) - log p(reference) in nats; 0 for the reference itself."""
        return llr_of(self.codes, self.log_chances)

    @property
    def importance(self) -> Float64[np.ndarray, " bases"]:
        """Minus the mean LLR of the three substitutions, in nats: how much likelier the reference is than they are."""
        return importance_of(self.llr)

    @property
    def uncertainty(self) -> Float64[np.ndarray, " bases"]:
        """The entropy of the model's distribution, in bits: 0 where it is sure of a base, 2 for a uniform one."""
        return uncertainty_of(self.log_chances)


class MutationMapper:
    """Computes mutation maps of one genome with one model; LLRs equal those of the scorer.

    The distribution at a base is the normalized geometric mean of the two strands' distributions, so that its log-odds
    are the mean of both strands, as LLRs are.
    """

    def __init__(self, scorer: VariantScorer) -> None:
        self.scorer = scorer
        self.with_probability = scorer.variant_head is not None

    @property
    def compares(self) -> bool:
        """Whether the reference and alternate windows of every substitution are read as well."""
        return self.scorer.with_distance or self.with_probability

    def read(self, interval: Interval) -> MappedBases:
        """Maps all bases of an interval, which must lie within its contig."""
        codes = self.scorer.tiles.codes(interval)
        log_chances = np.full((interval.length, 4), np.nan)
        statuses = [Status.NO_ALT] * interval.length
        sites = [Site(interval.contig, interval.start + int(at)) for at in np.flatnonzero(codes < N)]
        whole = cache(partial(wholeness, self.scorer.tiles.genome))
        for (window, positions), found in self.scorer.readings(sites):
            log_chances[np.array(positions) - interval.start] = found
            for at in positions:
                statuses[at - interval.start] = whole(window)
        distances, probabilities = self._compared(interval, codes)
        return MappedBases(interval, codes, _normalized(log_chances), statuses, distances, probabilities)

    def blocks(self, intervals: Iterable[Interval]) -> Iterator[Interval]:
        """Cuts the intervals into blocks to be read in turn, only at places where no window has to be read twice.

        With mode=exact every base has its own window. In other modes windows start every half window, see
        loading/passes.
        """
        scorer = self.scorer
        half, exact = max(1, scorer.window_bp // 2), scorer.settings.mode == "exact"
        size = max(LEAST_BLOCK, scorer.batch) if exact else half * (scorer.batch if self._one_reading else 1)
        for interval in intervals:
            start = interval.start
            while start < interval.end:
                end = min(start + size if exact else (start // size + 1) * size, interval.end)
                yield Interval(interval.contig, start, end)
                start = end

    @property
    def _one_reading(self) -> bool:
        """Whether a window is read once for all of its sites; a block then spans as many windows as a batch."""
        return self.scorer.settings.mode == "unmasked"

    def _compared(
        self, interval: Interval, codes: UInt8[np.ndarray, " bases"]
    ) -> tuple[PerBase | None, PerBase | None]:  # fmt: skip
        if not self.compares:
            return None, None
        found = np.full((2, interval.length, 4), np.nan)
        for first in range(0, interval.length, LEAST_BLOCK):  # limits how many windows' states are held at once
            asked = [
                (at, base) for at in range(first, min(first + LEAST_BLOCK, interval.length)) for base in range(4)
                if codes[at] < N and base != codes[at]
            ]  # fmt: skip
            variants = [
                Variant(interval.contig, interval.start + at, BASES[codes[at]].encode(), BASES[base].encode())
                for at, base in asked
            ]
            for (at, base), compared in zip(asked, self.scorer.compare(variants), strict=True):
                found[:, at, base] = [np.nan if value is None else value for value in compared]
        return found[0] if self.scorer.with_distance else None, found[1] if self.with_probability else None


def _normalized(log_chances: PerBase) -> PerBase:
    """Log probabilities rescaled to sum to 1 at every base; log-odds between bases do not change."""
    largest = log_chances.max(axis=1, keepdims=True)
    return log_chances - largest - np.log(np.exp(log_chances - largest).sum(1, keepdims=True))
