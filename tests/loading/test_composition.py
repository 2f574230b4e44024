"""What a record keeps of a split: bases of every contig for either side, of many contigs the longest by name."""

from pathlib import Path

from genolong.genome.coordinates import Interval
from genolong.genome.fasta import Genome
from genolong.loading.composition import MOST, composition
from genolong.loading.windows import Split


def genome_of(folder: Path, lengths: dict[str, int]) -> Genome:
    (folder / "g.fa").write_text("".join(f">{name}\n{'ACGT' * length}\n" for name, length in lengths.items()))
    return Genome.open([str(folder / "g.fa")], str(folder / "cache"))


def test_bases_are_counted_contig_by_contig(tmp_path: Path):
    genome = genome_of(tmp_path, {"small": 5, "large": 50})
    train = (Interval("large", 0, 70), Interval("large", 90, 100), Interval("small", 0, 20))
    found = composition(genome, Split(train, (Interval("large", 100, 107),), ()), ["told"])
    assert found == {
        "contigs": [
            {"contig": "large", "length": 200, "train": 80, "validation": 7},
            {"contig": "small", "length": 20, "train": 20, "validation": 0},
        ],
        "others": {"contigs": 0, "length": 0, "train": 0, "validation": 0},
        "notes": ["told"],
    }  # fmt: skip


def test_of_many_contigs_the_shortest_are_summed(tmp_path: Path):
    genome = genome_of(tmp_path, {f"c{length}": length for length in range(1, MOST + 4)})
    every = tuple(Interval(name, 0, contig.length) for name, contig in genome.contigs.items())
    found = composition(genome, Split(every, (), ()), [])
    assert len(found["contigs"]) == MOST and found["contigs"][0]["contig"] == f"c{MOST + 3}"
    assert found["others"] == {"contigs": 3, "length": 24, "train": 24, "validation": 0}
