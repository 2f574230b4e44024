"""K-mers are counted where the run was trained, and asked where the variants are; what does not fit is told."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genolong.commands.evaluation.evaluation_settings import HeldOutSettings
from genolong.commands.evaluation.kmer_effects import kmer_effects
from genolong.commands.reading.trained_run import TrainedRun
from genolong.errors import InputError, MissingInputError
from genolong.genome.alphabet import encode
from genolong.genome.fasta import Genome
from genolong.loading.labelled_alleles import Substitutions, Words
from genolong.loading.masking import MaskingSettings
from genolong.loading.windows import DataSettings
from tests.builders.genomes import random_letters, write_fasta
from tests.builders.trained_models import Neighbours

LETTERS = {"chr1": random_letters(2_003, 1), "two": random_letters(1_009, 2)}
OWN = HeldOutSettings(None, None, None, None)


@pytest.fixture
def fasta(tmp_path) -> Path:
    return write_fasta(tmp_path, LETTERS)


@pytest.fixture
def run(fasta, tmp_path) -> TrainedRun:
    cache = str(tmp_path / "cache")
    data = DataSettings(
        fasta=str(fasta), cache=cache, regions=None, validation=None, validation_share=0.2, validation_windows=1,
        min_known=0.5, workers=0, reverse_complement=0.5,
    )  # fmt: skip
    sha256 = frozenset(Genome.open([fasta], cache).sha256.values())
    return TrainedRun(
        "x",
        tmp_path,
        tmp_path / "last.ckpt",
        Neighbours(0.5),
        data,
        MaskingSettings(0.15, 1.0, 0.0),
        1,
        101,
        1,
        0,
        sha256,
    )


def sites(letters: str, contig: str = "1", positions=range(1_000, 2_003, 7)) -> Substitutions:
    reference = encode("".join(letters[at] for at in positions).encode())
    contigs = Words((contig,), np.zeros(len(reference), np.int64))
    return Substitutions(contigs, np.array(positions), reference, (reference + np.uint8(1)) % np.uint8(4))


def test_alleles_in_bases_that_were_trained_on_are_told(run):
    found = kmer_effects(run, OWN, sites(LETTERS["chr1"]))
    assert found.title in ("base composition", "k-mer counter 1+1", "k-mer counter 2+2", "k-mer counter 3+3")
    assert not np.isnan(found.values).any()
    trained = sum(at < 2_003 - 400 for at in range(1_000, 2_003, 7))  # the last fifth of every contig is held out
    assert found.notes == (f"the model was trained on the bases of {trained} of 144 alleles",)
    other = kmer_effects(run, OWN, sites(LETTERS["two"], "chrtwo", range(0, 1_009, 7)))
    trained = sum(at < 1_009 - 201 for at in range(0, 1_009, 7))
    assert other.notes == (f"the model was trained on the bases of {trained} of 145 alleles",)


def test_the_counter_is_the_best_on_held_out_bases(run, tmp_path):
    """Where the training part holds everything twice, the longest flank loses least on it, and knows nothing else."""
    once = random_letters(2_003, 1)
    fasta = write_fasta(tmp_path, {"chr1": once + once, "two": random_letters(1_009, 2)}, name="twice.fa")
    twice = replace(run, data=replace(run.data, fasta=str(fasta), validation="two"))
    assert kmer_effects(twice, OWN, sites(once)).title in ("base composition", "k-mer counter 1+1")


def test_another_genome_is_asked_with_the_counts_of_the_run(run, tmp_path):
    other = random_letters(2_003, 5)
    asked = HeldOutSettings(str(write_fasta(tmp_path, {"chr1": other}, name="other.fa")), None, None, None)
    found = kmer_effects(run, asked, sites(other))
    assert not np.isnan(found.values).any() and found.notes == ()
    own = kmer_effects(run, OWN, sites(other))
    assert 0.5 < np.isnan(own.values).mean() < 1


def test_alleles_in_one_of_several_files_that_were_trained_on_are_told(run, tmp_path):
    files = [write_fasta(tmp_path, {name: letters}, name=f"{name}.fa") for name, letters in LETTERS.items()]
    sha256 = frozenset(Genome.open(files, run.data.cache).sha256.values())
    several = replace(run, data=replace(run.data, fasta=[str(file) for file in files]), sha256=sha256)
    asked = replace(OWN, fasta=str(files[1]))
    found = kmer_effects(several, asked, sites(LETTERS["two"], "two", range(0, 1_009, 7)))
    trained = sum(at < 1_009 - 201 for at in range(0, 1_009, 7))
    assert found.notes == (f"the model was trained on the bases of {trained} of 145 alleles",)


def test_variants_of_another_genome_are_refused(run):
    with pytest.raises(InputError, match=r"genome\.fa: no allele replaces a single base that stands here"):
        kmer_effects(run, OWN, sites(LETTERS["two"].translate(str.maketrans("ACGT", "CGTA")), "two", range(7)))
    with pytest.raises(InputError, match=r"no contig called chr9, as in the VCF, .* a file of synonyms \(synonyms=\)"):
        kmer_effects(run, OWN, sites(LETTERS["chr1"], contig="chr9"))


def test_contigs_of_other_names_are_found_by_synonyms(run, tmp_path):
    (tmp_path / "names.txt").write_text("chr1\tNC_000001.11\n")
    found = kmer_effects(run, OWN, sites(LETTERS["chr1"], contig="NC_000001.11"), str(tmp_path / "names.txt"))
    wanted = kmer_effects(run, OWN, sites(LETTERS["chr1"]))
    assert np.array_equal(found.values, wanted.values) and not np.isnan(found.values).any()


def test_a_genome_that_changed_since_training_is_told(fasta, run):
    write_fasta(fasta.parent, LETTERS | {"two": random_letters(1_009, 3)})
    (note,) = kmer_effects(run, OWN, sites(LETTERS["chr1"])).notes
    assert note == f"{fasta} is not what the run was trained on: its sha256 is different"


def test_a_genome_that_is_gone_is_told(fasta, run):
    fasta.unlink()
    with pytest.raises(MissingInputError, match=r"no k-mers can be counted .*leave model= out"):
        kmer_effects(run, OWN, sites(LETTERS["chr1"]))
