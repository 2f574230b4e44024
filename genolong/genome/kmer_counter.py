"""Baselines for a model to beat: base composition, and k-mer counters with both flanks and both strands."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64, Integer, UInt8, UInt32

LARGEST_FLANK = 6  # 4^13 counts are 268 MB
CHUNK_BP = 1 << 20
SAMPLE = 1 << 18  # positions used to choose the smoothing
STRENGTHS = tuple(2.0**exponent for exponent in range(-2, 11))


@dataclass(frozen=True, eq=False)
class KmerCounter:
    """Predicts a letter from the `flank` letters on each side of it; flank 0 is the base composition.

    `counts[j]` holds how often each (2 j + 1)-mer occurs on either strand; its first letter is the highest digit.
    Counts in a context of j + j letters are smoothed with `strengths[j]` pseudocounts from the context of
    (j-1) + (j-1) letters (interpolated Dirichlet smoothing), down to the composition, which is smoothed to uniform.
    """

    counts: tuple[Integer[np.ndarray, " _"], ...]
    strengths: tuple[float, ...]

    @property
    def flank(self) -> int:
        """Number of context letters on each side."""
        return len(self.counts) - 1

    @property
    def name(self) -> str:
        """Name to display."""
        return f"k-mer counter {self.flank}+{self.flank}" if self.flank else "base composition"

    def probabilities(
        self, codes: UInt8[np.ndarray, " length"], positions: Integer[np.ndarray, " positions"]
    ) -> Float64[np.ndarray, "positions 4"]:
        """The probabilities of A C G T at each position, given visible flanks.

        If N or the end of `codes` cuts a flank, a shorter one is used on both sides.
        """
        known = _known_flank(codes, positions, self.flank)
        chances = np.full((len(positions), 4), 0.25)
        for flank, (table, strength) in enumerate(zip(self.counts, self.strengths, strict=True)):
            within = np.flatnonzero(known >= flank)
            seen = table[_contexts(codes, positions[within], flank)[:, None] + 4**flank * np.arange(4)]
            chances[within] = (seen + strength * chances[within]) / (seen.sum(1, keepdims=True) + strength)
        return chances

    def losses(
        self, codes: UInt8[np.ndarray, " length"], positions: Integer[np.ndarray, " positions"]
    ) -> Float64[np.ndarray, " positions"]:
        """The loss in nats at each position of `codes` (which must be A C G T there)."""
        return -np.log(self.probabilities(codes, positions)[np.arange(len(positions)), codes[positions]])


def fit_baselines(contigs: Iterable[UInt8[np.ndarray, " _"]], bases: int) -> list[KmerCounter]:
    """Counters of flank 0, 1, 2, ... fitted on `contigs` (read once), which hold about `bases` bases in total.

    The largest flank is the one with about as many contexts as there are bases, but at most six.
    """
    largest = int(np.clip(np.rint(np.log(max(bases, 1)) / np.log(4) / 2), 0, LARGEST_FLANK))
    table = np.zeros(4 ** (2 * largest + 1), np.uint32)
    every = max(1, bases // SAMPLE)
    sample = []
    for kmers in _kmers(contigs, 2 * largest + 1):
        _add(table, kmers)
        sample.append(kmers[::every])
    kmers = np.concatenate(sample) if sample else np.zeros(0, np.int64)
    counts = _all_orders(table, largest)
    strengths = tuple(_choose_strengths(counts, kmers))
    return [KmerCounter(counts[: flank + 1], strengths[: flank + 1]) for flank in range(largest + 1)]


def _kmers(contigs: Iterable[UInt8[np.ndarray, " _"]], length: int) -> Iterator[Int64[np.ndarray, " _"]]:
    """Every k-mer of `length` known letters as a number, in chunks."""
    for codes in contigs:
        for start in range(0, max(len(codes) - length + 1, 0), CHUNK_BP):
            yield _packed(codes[start : start + CHUNK_BP + length - 1], length)


def _packed(codes: UInt8[np.ndarray, " length"], length: int) -> Int64[np.ndarray, " _"]:
    windows = len(codes) - length + 1
    packed = np.zeros(windows, np.int64)
    unknown = np.concatenate([[0], np.cumsum(codes > 3)])
    for offset in range(length):
        packed = (packed << 2) + codes[offset : offset + windows]
    return packed[unknown[length:] == unknown[:windows]]


def _add(table: UInt32[np.ndarray, " _"], kmers: Int64[np.ndarray, " _"]) -> None:
    if len(table) <= 4 * CHUNK_BP:
        table += np.bincount(kmers, minlength=len(table)).astype(table.dtype)
    else:
        np.add.at(table, kmers, np.uint32(1))


def _all_orders(table: UInt32[np.ndarray, " _"], largest: int) -> tuple[Integer[np.ndarray, " _"], ...]:
    """Counts of both strands for every flank: 3 - code complements a letter, reversed digits reverse a k-mer."""
    digits = table.reshape((4,) * (2 * largest + 1))
    counts: list[np.ndarray] = [(digits + np.flip(digits).transpose()).reshape(-1)]
    for _ in range(largest):
        counts.append(counts[-1].reshape(4, -1, 4).sum((0, 2), dtype=np.int64))
    return tuple(reversed(counts))


def _choose_strengths(
    counts: tuple[Integer[np.ndarray, " _"], ...], kmers: Int64[np.ndarray, " sample"]
) -> Iterator[float]:
    """The strength for each flank, the best given those of shorter ones.

    Each sampled letter is excluded from the counts when scored: subtract one from its own count and from the total.
    """
    largest = len(counts) - 1
    chances = np.full(len(kmers), 0.25)
    for flank, table in enumerate(counts):
        kmer = (kmers >> 2 * (largest - flank)) & (4 ** (2 * flank + 1) - 1)
        letter = (kmer >> 2 * flank) & 3
        seen = table[(kmer - (letter << 2 * flank))[:, None] + 4**flank * np.arange(4)].astype(np.int64)
        own, total = np.take_along_axis(seen, letter[:, None], 1)[:, 0] - 1, seen.sum(1) - 1
        trials = {strength: (own + strength * chances) / (total + strength) for strength in STRENGTHS}
        strength = min(trials, key=lambda strength: -np.log(trials[strength]).sum())
        chances = trials[strength]
        yield strength


def _known_flank(
    codes: UInt8[np.ndarray, " length"], positions: Integer[np.ndarray, " positions"], largest: int
) -> Int64[np.ndarray, " positions"]:
    """How many letters are known on both sides of each position, at most `largest`."""
    padded = np.concatenate([np.full(largest, 4, np.uint8), codes, np.full(largest, 4, np.uint8)])
    known, unbroken = np.zeros(len(positions), np.int64), np.ones(len(positions), bool)
    for flank in range(1, largest + 1):
        left, right = padded[positions + largest - flank], padded[positions + largest + flank]
        unbroken &= (left < 4) & (right < 4)
        known += unbroken
    return known


def _contexts(
    codes: UInt8[np.ndarray, " length"], positions: Integer[np.ndarray, " positions"], flank: int
) -> Int64[np.ndarray, " positions"]:
    """The number of the (2 flank + 1)-mer around each position, with its middle letter set to A."""
    packed = np.zeros(len(positions), np.int64)
    for offset in range(-flank, flank + 1):
        packed = (packed << 2) + (codes[positions + offset] if offset else 0)
    return packed
