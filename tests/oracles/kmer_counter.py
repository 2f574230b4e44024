"""A bidirectional k-mer counter as it is explained: dictionaries, one k-mer at a time."""

from collections import Counter
from collections.abc import Sequence

OTHER = {"A": "T", "C": "G", "G": "C", "T": "A"}


def kmers_of_both_strands(contigs: Sequence[str], length: int) -> Counter[str]:
    """How often each k-mer of known letters stands on either strand."""
    counts = Counter()
    for letters in contigs:
        for strand in (letters, "".join(OTHER.get(letter, letter) for letter in reversed(letters))):
            kmers = (strand[at : at + length] for at in range(len(strand) - length + 1))
            counts.update(kmer for kmer in kmers if set(kmer) <= set("ACGT"))
    return counts


def chance(counts: Sequence[Counter[str]], strengths: Sequence[float], around: str, letter: str) -> float:
    """The chance of the letter in the middle of `around`; counts[j] holds (2 j + 1)-mers."""
    if not counts:
        return 0.25
    flank = len(around) // 2
    seen = {one: counts[-1][around[:flank] + one + around[flank + 1 :]] for one in "ACGT"}
    below = chance(counts[:-1], strengths[:-1], around[1:-1], letter)
    return (seen[letter] + strengths[-1] * below) / (sum(seen.values()) + strengths[-1])
