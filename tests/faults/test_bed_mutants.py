"""Mutants of BED files: the regions a plain reader finds, or a refusal."""

import gzip
from functools import partial
from pathlib import Path

import pytest

from genolong.genome.regions import read_bed
from tests.builders.genomes import bgzip
from tests.faults.judged import times, works_or_refuses
from tests.faults.mutants import mutants

CONTIGS = {"chr1": 500, "2": 90, "chrM": 61}
PLAIN = b"# made\ntrack name=x\nchr1\t0\t17\tname\t5\t+\nchr1\t40\t500\r\n\nchr2\t3\t90\nMT 1 61\n"
PIECES = (b"chr1", b"\t", b"-", b"500", b"501", b"browser ", b"#", b"1_0", b"+5", "\u0663".encode(), b"\x1c", b"\r")
SHAPES = {"a.bed": PLAIN, "a.bed.gz": gzip.compress(PLAIN, mtime=0), "b.bed.gz": bgzip(PLAIN, block=31)}


def read_right(path: Path) -> bool:
    found = read_bed(path, CONTIGS)
    content = path.read_bytes()
    text = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    lines = text.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    wanted = []
    for line in lines:
        words = line.split()
        if words and not words[0].startswith("#") and words[0] not in ("track", "browser"):
            name = {"chr1": "chr1", "1": "chr1", "2": "2", "chr2": "2"}.get(words[0], "chrM")
            wanted.append((name, int(words[1]), int(words[2])))
    assert [(each.contig, each.start, each.end) for each in found] == wanted
    assert all(0 <= each.start < each.end <= CONTIGS[each.contig] for each in found)
    return True


@pytest.mark.parametrize("name", SHAPES)
@times(quick=400, nightly=1500)
def test_a_mutant_of_a_bed_file_reads_right_or_is_refused(tmp_path: Path, name: str, count: int):
    path = tmp_path / name
    read = 0
    for mutant in mutants(SHAPES[name], PIECES, count, seed=23):
        path.write_bytes(mutant)
        read += works_or_refuses(partial(read_right, path), name) or 0
    assert 0 < read < count
