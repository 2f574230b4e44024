"""A window is whole, or reaches beyond its contig, or is mostly unknown."""

from pathlib import Path

import pytest

from genolong.genome.alleles import Status
from genolong.genome.coordinates import Interval
from genolong.genome.edit import Variant, place, written
from genolong.genome.fasta import Genome
from genolong.genome.tiles import GenomeTiles
from genolong.genome.wholeness import wholeness, wholeness_of_both
from tests.builders.genomes import write_fasta


@pytest.fixture
def genome(tmp_path: Path) -> Genome:
    return Genome.open([write_fasta(tmp_path, {"c": "ACGTC" * 6 + "N" * 7 + "GATTC" * 9 + "A"})], tmp_path / "cache")


@pytest.mark.parametrize(
    ("start", "end", "status"),
    [
        (0, 20, Status.OK), (-1, 20, Status.EDGE), (23, 43, Status.N_RICH), (0, 33, Status.OK), (0, 34, Status.N_RICH),
        (40, 83, Status.OK), (40, 84, Status.EDGE), (-7, 99, Status.EDGE), (83, 99, Status.EDGE), (-9, 0, Status.EDGE),
    ],
)  # fmt: skip
def test_of_a_contig_with_a_gap(genome: Genome, start: int, end: int, status: Status):
    assert genome.contigs["c"].length == 83
    assert wholeness(genome, Interval("c", start, end)) == status


@pytest.mark.parametrize("deleted", [1, 3, 11])
def test_of_a_deletion_both_windows_count(genome: Genome, deleted: int):
    """Compared with the letters of both windows, for every place of it; the length of a window is 13."""
    tiles = GenomeTiles(genome)
    for start in [*range(31 - deleted), *range(37, 83 - deleted)]:
        variant = Variant("c", start, tiles.letters("c", start, start + deleted), b"")
        window = place(variant, 13)
        reference = tiles.codes(Interval("c", window.start, window.end + deleted))
        behind = [*range(window.start, start), *range(start + deleted, window.end + deleted)]
        inside = [[0 <= at < 83 for at in places] for places in (range(window.start, window.end), behind)]
        pair = [reference[:13], written(variant, start - window.start, reference, 13)]
        unknown = [
            sum(code == 4 and there for code, there in zip(codes, within, strict=True)) / sum(within)
            for codes, within in zip(pair, inside, strict=True)
        ]
        wanted = Status.OK if all(map(all, inside)) else Status.EDGE
        wanted = Status.N_RICH if max(unknown) > 0.1 else wanted
        assert wholeness_of_both(genome, variant, 13) == wanted, variant
