"""Mutants of FASTA files and of everything that lies beside them: the bases a plain reader finds, or a refusal."""

import gzip
import random
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from genolong.genome.coordinates import Interval
from genolong.genome.fasta import Genome
from tests.builders.genomes import bgzip, fasta_text, random_letters
from tests.faults.judged import times, works_or_refuses
from tests.faults.mutants import mutants
from tests.oracles import fasta as oracle

CONTIGS = {
    "chr1": random_letters(173, 1, "ACGTacgtN"),
    "../../x": random_letters(60, 2),
    "two": random_letters(41, 3, "ACGTR"),
    "chrM": "N" * 30 + random_letters(31, 4),
}
PIECES = (b">", b"\n>", b"\n>chr1\n", b">new one\nACGT\n", b"ACGT", b"nnnn", b"\r", b"RYK", b"Q", b"*", b";", b"\n\n\n")
PLAIN = fasta_text(CONTIGS, width=17) + fasta_text({"crlf": random_letters(50, 5)}, width=13, newline="\r\n")
SHAPES = {"genome.fa": PLAIN, "genome.fa.gz": bgzip(PLAIN, block=61), "whole.fa.gz": bgzip(PLAIN)}


def read_right(path: Path, cache: Path, chance: random.Random) -> bool:
    """Opens a FASTA file as the commands do, and compares whole contigs and windows with the plain reader's."""
    genome = Genome.open([path], cache)
    content = path.read_bytes()
    wanted = oracle.parse(gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content)
    wanted = {name: letters for name, letters in wanted.items() if letters}
    assert genome.lengths == {name: len(letters) for name, letters in wanted.items()}
    for name, letters in wanted.items():
        start = chance.randrange(-9, len(letters))
        for first, end in ((0, len(letters)), (start, start + chance.randrange(1, 60))):
            codes, _ = genome.read(Interval(name, first, end))
            assert codes.tolist() == oracle.window(letters, first, end)[0]
            assert genome.known(Interval(name, first, end)) == int(np.count_nonzero(codes < 4))
    return True


@pytest.mark.parametrize("name", SHAPES)
@times(quick=250, nightly=1500)
def test_a_mutant_of_a_fasta_file_reads_right_or_is_refused(tmp_path: Path, name: str, count: int):
    path = tmp_path / name
    read = 0
    for number, mutant in enumerate(mutants(SHAPES[name], PIECES, count, seed=11)):
        path.write_bytes(mutant)
        read += works_or_refuses(partial(read_right, path, tmp_path / "cache", random.Random(number)), name) or 0
    assert 0 < read < count


@pytest.mark.parametrize("name", ["genome.fa", "genome.fa.gz"])
@times(quick=100, nightly=1000)
def test_a_mutant_of_a_compressed_text_reads_right_or_is_refused(tmp_path: Path, name: str, count: int):
    """The checksums of bgzip refuse what is changed afterwards, so here the text is changed before."""
    path = tmp_path / f"{name.removesuffix('.gz')}.gz"
    for number, mutant in enumerate(mutants(PLAIN, PIECES, count, seed=13)):
        path.write_bytes(bgzip(mutant, block=random.Random(number).choice((1, 7, 64, 65536))))
        works_or_refuses(partial(read_right, path, tmp_path / "cache", random.Random(number)), path.name)


@pytest.mark.parametrize("name", ["genome.fa", "genome.fa.gz"])
@times(quick=40, nightly=1500)
def test_a_mutant_of_what_the_cache_holds_is_never_believed(tmp_path: Path, name: str, count: int):
    path, cache = tmp_path / name, tmp_path / "cache"
    ragged = PLAIN + b">ragged\nAC\nGTACG\nT\n"  # so that a cleaned copy is read
    path.write_bytes(bgzip(ragged, block=61) if name.endswith(".gz") else ragged)
    read_right(path, cache, random.Random(0))
    held = {file: file.read_bytes() for file in cache.iterdir()}
    assert {file.suffix for file in held} == {".index", ".fa"}
    for number, file in enumerate(sorted(held) * (count // 2)):
        (mutant,) = mutants(held[file], (b"{}", b"genolong FASTA index 2 "), 1, seed=number)
        file.write_bytes(mutant)
        assert works_or_refuses(partial(read_right, path, cache, random.Random(number)))
        for each, content in held.items():
            each.write_bytes(content)


FAI = b"chr1\t173\t6\t17\t18\n../../x\t60\t199\t17\t18\ntwo\t41\t9\t17\t18\n"
GZI = b"\2\0\0\0\0\0\0\0" + b"\x3d\0\0\0\0\0\0\0" * 4


@pytest.mark.parametrize("name", ["genome.fa", "genome.fa.gz"])
@times(quick=100, nightly=1000)
def test_a_mutant_of_an_index_beside_the_file_changes_nothing(tmp_path: Path, name: str, count: int):
    path = tmp_path / name
    path.write_bytes(SHAPES[name])
    for number, (fai, gzi) in enumerate(
        zip(mutants(FAI, (b"\t", b"chr1"), count, seed=17), mutants(GZI, (), count, seed=19), strict=True)
    ):
        (tmp_path / f"{name}.fai").write_bytes(fai)
        (tmp_path / f"{name}.gzi").write_bytes(gzi)
        assert works_or_refuses(partial(read_right, path, tmp_path / "cache", random.Random(number)))
        assert (tmp_path / f"{name}.fai").read_bytes() == fai
