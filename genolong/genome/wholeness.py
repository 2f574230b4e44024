"""The status of windows: complete, past an end of their contig, or rich in N."""

from genolong.genome.alleles import Status
from genolong.genome.coordinates import Interval
from genolong.genome.edit import Variant, place
from genolong.genome.fasta import Genome

N_RICH_ABOVE = 0.1  # share of N


def wholeness(genome: Genome, window: Interval) -> Status:
    """N_RICH if over a tenth of the bases within the contig are N, else EDGE if the window passes an end, else OK."""
    return _without(genome, window, 0)


def wholeness_of_both(genome: Genome, variant: Variant, window_bp: int) -> Status:
    """That of the reference and alternate window together: the latter reads further if the variant deletes bases."""
    window, deleted = place(variant, window_bp), max(0, len(variant.reference) - len(variant.alternate))
    further = Interval(window.contig, window.start, window.end + deleted)
    found = {_without(genome, window, 0), _without(genome, further, deleted)}
    return next(status for status in (Status.N_RICH, Status.EDGE, Status.OK) if status in found)


def _without(genome: Genome, window: Interval, deleted: int) -> Status:
    """The wholeness of a window without so many known bases."""
    length = genome.contigs[window.contig].length
    start, end = max(window.start, 0), min(window.end, length)
    if start >= end:  # a long insertion after the last base
        return Status.EDGE
    inside = Interval(window.contig, start, end)
    if genome.known(inside) - deleted < (1 - N_RICH_ABOVE) * (inside.length - deleted):
        return Status.N_RICH
    return Status.OK if inside == window else Status.EDGE
