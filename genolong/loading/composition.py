"""Summarises a split for a run's record: how many bases of each contig are for training and validation."""

from collections import Counter
from collections.abc import Sequence
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
    rows = [
        {"contig": name, "length": contig.length, "train": train[name], "validation": validation[name]}
        for name, contig in sorted(genome.contigs.items(), key=lambda pair: -pair[1].length)
    ]
    others = rows[MOST:]
    sums = {what: sum(row[what] for row in others) for what in ("length", "train", "validation")}
    return {"contigs": rows[:MOST], "others": {"contigs": len(others), **sums}, "notes": list(notes)}
