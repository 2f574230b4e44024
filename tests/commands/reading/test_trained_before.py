"""What weights learned from is known file by file, whatever names files and contigs have now, or it is said why not."""

from dataclasses import replace
from pathlib import Path

import pytest

from genolong.commands.reading.trained_before import Earlier, UntoldError, read_before
from genolong.genome.coordinates import Interval
from genolong.genome.fasta import Genome
from genolong.genome.files.hashed import sha256_of
from genolong.loading.windows import DataSettings, split
from tests.builders.genomes import random_letters, write_fasta

WINDOW = 89
A = {"one": random_letters(1_009, 1), "two": random_letters(607, 2)}
B = {"one": random_letters(1_511, 3), "tiny": random_letters(7, 4)}
OTHER = "was trained on other files; it may have read what is held out here"
SOME = (
    "was trained on some of these files, and on others that are missing or have changed; it may have read what is held "
    "out here"
)
BEDS = "was trained with BED files that are missing or have changed; it may have read what is held out here"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_fasta(tmp_path, A, name="a.fa")
    write_fasta(tmp_path, B, name="b.fa")
    return tmp_path


def genome(home: Path, *names: str) -> Genome:
    return Genome.open([home / name for name in names], home / "cache")


def training(home: Path, **changes) -> Earlier:
    """A training on both files; contig one of each is called a:one and b:one there."""
    paths = [str(home / "a.fa"), str(home / "b.fa")]
    data = DataSettings(
        fasta=paths, cache=str(home / "cache"), regions=None, validation=None, validation_share=0.2,
        validation_windows=1, min_known=0.5, workers=0, reverse_complement=0.5,
    )  # fmt: skip
    data = replace(data, **changes)
    return Earlier(data, WINDOW, {path: sha256_of(path) for path in paths}, {bed: sha256_of(bed) for bed in data.beds})


def test_of_all_files_it_is_what_it_was_split_into(home: Path):
    whole, before = genome(home, "a.fa", "b.fa"), training(home)
    read = split(whole, before.data, WINDOW).train
    assert before.stretches(whole) == list(read)
    assert {each.contig for each in read} == {"a:one", "two", "b:one"}
    assert sum(each.length for each in read) == pytest.approx(0.8 * (1_009 + 607 + 1_511), rel=0.01)


def test_of_some_files_it_is_their_part_by_the_names_that_contigs_have_there(home: Path):
    before = training(home, validation=["a:one"])
    assert before.stretches(genome(home, "a.fa")) == [Interval("two", 0, 607)]
    assert before.stretches(genome(home, "b.fa")) == [Interval("one", 0, 1_511)]


def test_of_files_among_others_it_is_their_part(home: Path):
    write_fasta(home, {"two": random_letters(503, 5)}, name="c.fa")
    mixed = genome(home, "c.fa", "a.fa")
    before = training(home, validation=["b:one"])
    assert before.stretches(mixed) == [Interval("one", 0, 1_009), Interval("a:two", 0, 607)]


def test_a_copy_is_known_by_its_content(home: Path):
    (home / "elsewhere").mkdir()
    (home / "elsewhere" / "x.fa").write_bytes((home / "a.fa").read_bytes())
    assert training(home, validation=["a:one"]).stretches(genome(home, "elsewhere/x.fa")) == [Interval("two", 0, 607)]


def test_of_other_files_it_cannot_be_told(home: Path):
    write_fasta(home, A, name="a.fa.gz")
    with pytest.raises(UntoldError) as untold:
        training(home).stretches(genome(home, "a.fa.gz"))
    assert str(untold.value) == OTHER


@pytest.mark.parametrize("change", ["gone", "another"])
def test_of_some_files_it_cannot_be_told_without_the_others(home: Path, change: str):
    before = training(home)
    (home / "b.fa").unlink()
    if change == "another":
        write_fasta(home, {"one": random_letters(1_511, 7)}, name="b.fa")
    with pytest.raises(UntoldError) as untold:
        before.stretches(genome(home, "a.fa"))
    assert str(untold.value) == SOME


@pytest.mark.parametrize("change", ["gone", "another"])
def test_it_cannot_be_told_without_its_bed_files(home: Path, change: str):
    bed = home / "in.bed"
    bed.write_text("two\t0\t400\n")
    before, both = training(home, regions=str(bed), validation=["b:one"]), genome(home, "a.fa", "b.fa")
    assert before.stretches(both) == [Interval("two", 0, 400)]
    bed.unlink()
    if change == "another":
        bed.write_text("two\t0\t300\n")
    with pytest.raises(UntoldError) as untold:
        before.stretches(both)
    assert str(untold.value) == BEDS


def test_it_cannot_be_told_if_contigs_were_named_by_files_that_are_called_otherwise_now(home: Path):
    before = training(home, validation=["a:one"])
    (home / "a.fa").rename(home / "new.fa")
    with pytest.raises(
        UntoldError, match=r"^was trained on parts .* \(data.validation: no contig is called a:one; .*\); "
    ):
        before.stretches(genome(home, "new.fa", "b.fa"))


def test_several_trainings_are_put_together_and_each_reason_is_given_once(home: Path):
    of_one, of_two = (training(home, validation=[name, "b:one"]) for name in ("a:one", "two"))
    other = replace(of_one, inputs_sha256={"x.fa": "0"})
    found, untold = read_before([of_one, other, of_two, other], genome(home, "a.fa"))
    assert found == [Interval("two", 0, 607), Interval("one", 0, 1_009)] and untold == [OTHER]
    assert read_before([], genome(home, "a.fa")) == ([], [])
