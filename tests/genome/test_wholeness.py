"""A window is whole, or reaches beyond its contig, or is mostly unknown."""

from pathlib import Path

import pytest

from genolong.genome.alleles import Status
from genolong.genome.coordinates import Interval
from genolong.genome.fasta import Genome
from genolong.genome.wholeness import wholeness
from tests.builders.genomes import write_fasta


@pytest.mark.parametrize(
    ("start", "end", "status"),
    [
        (0, 20, Status.OK), (-1, 20, Status.EDGE), (23, 43, Status.N_RICH), (0, 33, Status.OK), (0, 34, Status.N_RICH),
        (40, 83, Status.OK), (40, 84, Status.EDGE), (-7, 99, Status.EDGE), (83, 99, Status.EDGE), (-9, 0, Status.EDGE),
    ],
)  # fmt: skip
def test_of_a_contig_with_a_gap(tmp_path: Path, start: int, end: int, status: Status):
    genome = Genome.open([write_fasta(tmp_path, {"c": "ACGTC" * 6 + "N" * 7 + "GATTC" * 9 + "A"})], tmp_path / "cache")
    assert genome.contigs["c"].length == 83
    assert wholeness(genome, Interval("c", start, end)) == status
