"""The chance of every training window, by listing every base that a draw may fall on."""

from collections import Counter
from collections.abc import Sequence

from genolong.genome.coordinates import Interval
from genolong.genome.fasta import Genome


def window_chances(
    genome: Genome, regions: Sequence[Interval], window_bp: int, min_known: float
) -> dict[Interval, float]:
    """Each base's window, weighted by its known bases, none where they are too few; all weights together are 1."""
    weights: Counter[Interval] = Counter()
    for region in regions:
        for base in range(region.start, region.end):
            start = min(max(base - window_bp // 2, region.start), region.end - window_bp)
            window = Interval(region.contig, start, start + window_bp)
            known = genome.known(window)
            if known >= min_known * window_bp:
                weights[window] += known
    return {window: weight / weights.total() for window, weight in weights.items() if weight}
