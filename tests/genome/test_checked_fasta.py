"""The cache is met by content alone, and whatever is damaged in it is made anew."""

import gzip
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from genolong.errors import InputError
from genolong.genome import checked_fasta
from genolong.genome.checked_fasta import CheckedFasta, open_checked
from genolong.genome.files.cache_folder import CacheFolder
from tests.builders.genomes import bgzip, fasta_text, random_letters, write_fasta
from tests.oracles.fasta import parse

CONTIGS = {"a": random_letters(131, seed=1, alphabet="ACGTN"), "b": random_letters(17, seed=2, alphabet="acgtR")}
RAGGED = b">a\nACGT\nAC\nACGT\n>empty\n>b\nTT\n"


@pytest.fixture
def cache(tmp_path: Path) -> CacheFolder:
    return CacheFolder(tmp_path / "cache")


def same(one: CheckedFasta, other: CheckedFasta) -> bool:
    left, right = asdict(one), asdict(other)
    np.testing.assert_equal(left, right)
    return one.notes == other.notes


@pytest.fixture
def no_pass(monkeypatch: pytest.MonkeyPatch):
    """Forbids to read a FASTA file's text."""

    def forbidden(*_):
        raise AssertionError("the cache should have known")

    def forbid():
        monkeypatch.setattr(checked_fasta, "build_index", forbidden)

    return forbid


@pytest.mark.parametrize("name", ["genome.fa", "genome.fa.gz"])
def test_known_content_is_not_read_again_wherever_it_lies(tmp_path: Path, cache: CacheFolder, no_pass, name: str):
    first = open_checked(write_fasta(tmp_path, CONTIGS, name), cache)
    assert first.reading is first.source
    moved = tmp_path / f"moved-{name}"
    os.rename(tmp_path / name, moved)
    no_pass()
    second = open_checked(moved, cache)
    np.testing.assert_equal(asdict(second.index), asdict(first.index))
    np.testing.assert_array_equal(second.blocks, first.blocks)
    assert second.source.path == second.reading.path == moved


def test_a_damaged_index_is_made_anew(tmp_path: Path, cache: CacheFolder):
    path = write_fasta(tmp_path, CONTIGS)
    first = open_checked(path, cache)
    (stored,) = cache.folder.iterdir()
    content = stored.read_bytes()
    damaged = [content[:at] for at in range(0, len(content), 97)]
    damaged += [content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :] for at in range(0, len(content), 101)]
    damaged += [content + b"\0", content.replace(b"index 1 ", b"index 0 ")]
    for each in damaged:
        stored.write_bytes(each)
        assert same(open_checked(path, cache), first)
        assert stored.read_bytes() == content


def test_an_index_of_another_file_is_not_believed(tmp_path: Path, cache: CacheFolder):
    one, other = write_fasta(tmp_path, CONTIGS), write_fasta(tmp_path, {"a": "ACGT"}, "other.fa")
    first = open_checked(one, cache)
    second = open_checked(other, cache)
    os.replace(cache.path(f"{second.source.sha256}.index"), cache.path(f"{first.source.sha256}.index"))
    assert same(open_checked(one, cache), first)


def test_lines_that_are_not_alike_are_read_from_a_cleaned_copy(tmp_path: Path, cache: CacheFolder, no_pass):
    path = tmp_path / "ragged.fa"
    path.write_bytes(RAGGED)
    first = open_checked(path, cache)
    copy = cache.path(f"{first.source.sha256}.fa")
    assert first.reading.path == copy
    assert copy.read_bytes() == b">a\nACGTACACGT\n>b\nTT\n"
    assert first.notes == (
        f"{path}: contigs without a base are skipped: 1 (empty)",
        f"{path}: lines of contig a are not all alike, so a cleaned copy is read: {copy}",
    )
    assert path.read_bytes() == RAGGED
    no_pass()
    assert same(open_checked(path, cache), first)


@pytest.mark.parametrize(
    "damage", [lambda copy: copy.unlink(), lambda copy: copy.write_bytes(b">a\nACGTACACGA\n>b\nTT\n")]
)
def test_a_damaged_copy_is_made_anew(tmp_path: Path, cache: CacheFolder, damage):
    path = tmp_path / "ragged.fa"
    path.write_bytes(RAGGED)
    first = open_checked(path, cache)
    damage(first.reading.path)
    assert open_checked(path, cache).reading.sha256 == first.reading.sha256


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("genome.fa.gz", fasta_text(CONTIGS), "its name does not say how it is compressed"),
        ("genome.fa", bgzip(fasta_text(CONTIGS)), "its name does not say how it is compressed"),
        ("genome.zip", fasta_text(CONTIGS), "its name does not say how it is compressed"),
        (
            "genome.fa.gz",
            bgzip(b">a\n" + b"ACGTACG\n" * 9000, block=65536),
            "its bgzip blocks are full to the last byte",
        ),
        ("genome.fa", b">a\nAC\r\nAC\nAC\n>b\nACG\nA\nACG", "lines of contig a and 1 more are not all alike"),
        ("genome.fa", b">a\nAC \nAC \nAC \n", "lines of contig a are not all alike"),
        ("genome.fa", b">a\nAC\n\nAC\nAC\n", "lines of contig a are not all alike"),
    ],
)
def test_what_pyfaidx_cannot_read_is_copied(tmp_path: Path, cache: CacheFolder, name, content, why):
    path = tmp_path / name
    path.write_bytes(content)
    checked = open_checked(path, cache)
    assert checked.why_copied == why
    text = content if content.startswith(b">") else gzip.decompress(content)
    assert parse(checked.reading.path.read_bytes()) == parse(text)


@pytest.mark.parametrize(
    "text", [b"\xef\xbb\xbf>a\r\nAC\r\nAC\r\n", b"\n\n>a\nAC\n\n\n\n>b\nACG\nAC", b">a\nAC\n>b\nACG\r\nA\r\n"]
)
def test_what_pyfaidx_can_read_is_not_copied(tmp_path: Path, cache: CacheFolder, text):
    path = tmp_path / "genome.fa"
    path.write_bytes(text)
    assert open_checked(path, cache).reading.path == path


def test_notes(tmp_path: Path, cache: CacheFolder):
    path = tmp_path / "genome.fa"
    path.write_bytes(b">a\nacgtryyn\n>b\n>c\n>d\n>e\n")
    assert open_checked(path, cache).notes == (
        f"{path}: 3 ambiguous letters are read as N (R 1, Y 2)",
        f"{path}: every base is lower case, so case is not treated as a repeat mask",
        f"{path}: contigs without a base are skipped: 4 (b, c, d …)",
    )


def test_a_cache_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    cache = CacheFolder(tmp_path / "file" / "cache")
    path = tmp_path / "ragged.fa"
    path.write_bytes(RAGGED)
    checked = open_checked(path, cache)
    assert checked.reading.path.read_bytes() == b">a\nACGTACACGT\n>b\nTT\n"
    assert len(cache.notes) == 1


def test_a_file_that_changes_during_the_pass_is_refused(tmp_path: Path, cache: CacheFolder, monkeypatch):
    path = write_fasta(tmp_path, CONTIGS)
    build = checked_fasta.build_index

    def build_and_write(chunks, of):
        index = build(chunks, of)
        path.write_bytes(b">a\nACGT\n")
        return index

    monkeypatch.setattr(checked_fasta, "build_index", build_and_write)
    with pytest.raises(InputError, match="changed since it was opened"):
        open_checked(path, cache)
    assert not cache.folder.exists()
