"""The truth of a synthetic genome is found beside it, and never taken for another's."""

import shutil

import pytest

from genolong.genome.fasta import Genome
from genolong.genome.synthetic.files import write_synthetic_genome
from genolong.loading.truth import perfect_readers
from tests.builders.genomes import random_letters, write_fasta


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic")
    write_synthetic_genome(folder, 10_000, seed=3, variants=7)
    return folder


def test_every_contig_gets_a_reader_of_its_letters(folder, tmp_path):
    genome = Genome.open([folder / "genome.fa.gz"], tmp_path)
    readers, notes = perfect_readers(genome)
    assert {name: len(reader.codes) for name, reader in readers.items()} == genome.lengths
    assert notes == ()


def test_a_genome_without_truth_has_none(tmp_path):
    path = write_fasta(tmp_path, {"one": random_letters(101, 1)})
    assert perfect_readers(Genome.open([path], tmp_path / "cache")) == ({}, ())


def test_two_genomes_have_none(folder, tmp_path):
    other = write_fasta(tmp_path, {"one": random_letters(101, 1)})
    assert perfect_readers(Genome.open([folder / "genome.fa.gz", other], tmp_path / "cache")) == ({}, ())


@pytest.mark.parametrize("rules", [None, "{}", "[]", "no JSON"])
def test_the_truth_of_other_letters_is_not_used_and_that_is_told(folder, tmp_path, rules):
    for name in ("truth.bed.gz", "floor.json"):
        shutil.copy(folder / name, tmp_path)
    if rules is not None:
        (tmp_path / "floor.json").write_text(rules)
    path = write_fasta(tmp_path, {"chr1": random_letters(101, 1)})
    readers, (note,) = perfect_readers(Genome.open([path], tmp_path / "cache"))
    assert readers == {}
    assert (
        note == f"{path} is not the genome that {tmp_path / 'floor.json'} describes, so the perfect reader is left out"
    )
