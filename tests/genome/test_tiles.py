"""Codes that are kept in tiles are those of the genome, whatever is asked for and however little is kept."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genolong.genome.coordinates import Interval
from genolong.genome.fasta import Genome
from genolong.genome.tiles import GenomeTiles
from tests.builders.genomes import write_fasta
from tests.builders.memory_genome import MemoryGenome

LETTERS = {"one": "ACGTN" * 23 + "acgtr", "two": "G"}


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Genome:
    folder: Path = tmp_path_factory.mktemp("tiles")
    return Genome.open([write_fasta(folder, LETTERS)], folder / "cache")


def intervals() -> st.SearchStrategy[Interval]:
    return st.builds(
        lambda contig, start, length: Interval(contig, start, start + length),
        st.sampled_from(sorted(LETTERS)), st.integers(-50, 170), st.integers(1, 200),
    )  # fmt: skip


@settings(max_examples=60)
@given(st.lists(intervals(), min_size=1, max_size=8), st.integers(1, 150), st.sampled_from([1, 2, 3, 8, 512]))
def test_codes_are_those_of_the_genome(genome: Genome, asked: list[Interval], tile_bp: int, kept: int):
    tiles = GenomeTiles(genome, tile_bp, kept)
    for interval in asked:
        np.testing.assert_array_equal(tiles.codes(interval), genome.read(interval)[0])


def test_nobody_can_write_into_what_is_kept(genome: Genome):
    tiles = GenomeTiles(genome, tile_bp=16, kept=4)
    for start, end in ((3, 9), (10, 20), (-40, -38), (0, 120)):  # of one tile, of two, beyond the end, read whole
        with pytest.raises(ValueError, match="read-only"):
            tiles.codes(Interval("one", start, end))[0] = 1


def test_letters_are_upper_case_and_n_beyond_the_ends(genome: Genome):
    tiles = GenomeTiles(genome, tile_bp=7)
    assert tiles.letters("one", -2, 6) == b"NNACGTNA"
    assert tiles.letters("one", 114, 122) == b"NACGTNNN"  # R reads as N
    assert tiles.letters("two", 0, 0) == b""


class Watched(MemoryGenome):
    """Counts how often it is read."""

    reads = 0

    def read(self, interval: Interval):
        self.reads += 1
        return super().read(interval)


def test_neighbours_cost_one_read_and_what_was_used_last_is_kept():
    genome = Watched({"one": "ACGT" * 40})
    tiles = GenomeTiles(genome, tile_bp=16, kept=3)
    for start in (0, 3, 5, 0, 16, 33, 1):  # three tiles, the first used again
        tiles.codes(Interval("one", start, start + 4))
    assert genome.reads == 3
    tiles.codes(Interval("one", 48, 50))  # the second goes
    tiles.codes(Interval("one", 0, 4))
    assert genome.reads == 4
    tiles.codes(Interval("one", 16, 20))
    assert genome.reads == 5
    tiles.codes(Interval("one", -30, -20))
    tiles.codes(Interval("one", 176, 180))
    assert genome.reads == 5  # where the contig is not, nothing is read
