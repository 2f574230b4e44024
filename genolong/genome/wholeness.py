"""The status of a window: complete, past an end of its contig, or rich in N."""

from genolong.genome.alleles import Status
from genolong.genome.coordinates import Interval
from genolong.genome.fasta import Genome

N_RICH_ABOVE = 0.1  # share of N


def wholeness(genome: Genome, window: Interval) -> Status:
    """N_RICH if over a tenth of the bases within the contig are N, else EDGE if the window passes an end, else OK."""
    length = genome.contigs[window.contig].length
    start, end = max(window.start, 0), min(window.end, length)
    if start >= end:  # a long insertion after the last base
        return Status.EDGE
    inside = Interval(window.contig, start, end)
    if genome.known(inside) < (1 - N_RICH_ABOVE) * inside.length:
        return Status.N_RICH
    return Status.OK if inside == window else Status.EDGE
