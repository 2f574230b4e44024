"""A genome that is written down in the test instead of a file: quick to make, and wrong in no way a file can be."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, UInt8

from genolong.genome.alphabet import N, encode
from genolong.genome.coordinates import Interval
from genolong.genome.fasta import Contig, Genome


class MemoryGenome(Genome):
    """Contigs from letters; lower case is soft-masked, as in a file."""

    def __init__(self, letters: Mapping[str, str]) -> None:
        self.codes = {name: encode(text.encode()) for name, text in letters.items()}
        self.soft = {name: np.frombuffer(text.encode(), np.uint8) >= ord("a") for name, text in letters.items()}
        self.contigs = {name: Contig(name, len(codes), int((codes < N).sum())) for name, codes in self.codes.items()}
        self.notes, self.sha256 = (), {}

    def read(self, interval: Interval) -> tuple[UInt8[np.ndarray, " length"], Bool[np.ndarray, " length"]]:
        codes, repeats = np.full(interval.length, N, np.uint8), np.zeros(interval.length, bool)
        first, last = max(interval.start, 0), min(interval.end, len(self.codes[interval.contig]))
        if first < last:
            inside = slice(first - interval.start, last - interval.start)
            codes[inside] = self.codes[interval.contig][first:last]
            repeats[inside] = self.soft[interval.contig][first:last]
        return codes, repeats

    def known(self, interval: Interval) -> int:
        return int((self.codes[interval.contig][max(interval.start, 0) : max(interval.end, 0)] < N).sum())


def random_letters(length: int, seed: int, unknown: float = 0.0, soft: float = 0.0) -> str:
    """A contig's letters: some of them N, and the first part of every thousand soft-masked."""
    chance = np.random.default_rng(seed)
    letters = np.array(list("ACGT"))[chance.integers(0, 4, length)]
    letters[chance.random(length) < unknown] = "N"
    lower = np.arange(length) % 1_000 < 1_000 * soft
    return "".join(np.where(lower, np.char.lower(letters), letters))
