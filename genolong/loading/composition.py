"""Summarises a split for a run's record: how many bases of each contig are for training and validation."""

from collections import Counter
from collections.abc import Sequence
from heapq import nlargest
from typing import Any

from genolong.genome.fasta import Genome
from genolong.loading.windows import Split

MOST = 50  # the longest contigs, listed by name


def composition(genome: Genome, parts: Split, notes: Sequence[str]) -> dict[str, Any]:
    """Plain values: counts for each of the longest contigs, sums for all others, and the notes."""
    train, validation = Counter[str](), Counter[str]()
    for counts, intervals in ((train, parts.train), (validation, parts.validation)):
        for interval in intervals:
            counts[interval.contig] += interval.length
    longest = nlargest(MOST, genome.contigs.items(), key=lambda pair: pair[1].length)
    rows = [
        {"contig": name, "length": contig.length, "train": train[name], "validation": validation[name]}
        for name, contig in longest
    ]
    totals = {"length": sum(genome.lengths.values()), "train": train.total(), "validation": validation.total()}
    others = {what: total - sum(row[what] for row in rows) for what, total in totals.items()}
    return {"contigs": rows, "others": {"contigs": len(genome.contigs) - len(rows), **others}, "notes": list(notes)}
