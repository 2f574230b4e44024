"""Small files that unpack to a hundred times more than memory should hold: refused or read, within 100 MB."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders.genomes import bgzip
from tests.builders.vcfs import HEADER, record_line

MEBIBYTE = 1 << 20
MOST_MB = 100
READ = """
import resource, sys
from genolong.errors import InputError
from genolong.genome.fasta import Genome
from genolong.genome.regions import read_bed
from genolong.genome.vcf import VcfReader
def vcf(path):
    with VcfReader(path) as reader:
        return sum(1 for _ in reader)
def fasta(path):
    Genome.open([path], path + ".cache")
readers = {"bed": lambda path: read_bed(path, {"chr1": 9}), "vcf": vcf, "fa": fasta}
def peak():  # of this process alone: ru_maxrss would begin with the one that started it
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
before = peak()
try:
    readers[sys.argv[1]](sys.argv[2])
    print("read")
except InputError as error:
    print(error)
print((peak() - before) >> 10)
"""


def one_long_reference() -> bytes:
    return b"".join(HEADER) + record_line("chr1", 7, "@").replace(b"@", b"A" * (512 * MEBIBYTE)) + b"\n"


BOMBS = {
    "one REF of 512 MB": ("vcf", one_long_reference, "columns 1 to 5 take 536,870"),
    "one header line of 512 MB": ("vcf", lambda: b"##" + b"x" * (512 * MEBIBYTE), "the header is longer than"),
    "a header of empty lines": ("vcf", lambda: b"##\n" * (100 * MEBIBYTE), "the header is longer than"),
    "one BED line of 512 MB": ("bed", lambda: b"chr1\t0\t1\t" + b"x" * (512 * MEBIBYTE), "has a line longer than"),
    "a BED of zeros": ("bed", lambda: bytes(512 * MEBIBYTE), "has a line longer than"),
    "a BED of empty lines": ("bed", lambda: b"\n" * (4 * MEBIBYTE), "holds no region"),
}


def refused_within(tmp_path: Path, kind: str, content: bytes, words: str, most_mb: int = MOST_MB) -> None:
    path = tmp_path / f"a.{kind}.gz"
    path.write_bytes(content)
    assert path.stat().st_size < 2 * MEBIBYTE
    told = subprocess.run([sys.executable, "-c", READ, kind, path], capture_output=True, text=True, timeout=120)
    assert told.returncode == 0, told.stderr
    line, more_mb = told.stdout.splitlines()
    assert words in line
    assert int(more_mb) < most_mb


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.nightly] * ("512" in name or "zeros" in name)) for name in BOMBS]
)
def test_a_gzip_bomb_takes_little_memory(tmp_path: Path, name: str):
    kind, content, words = BOMBS[name]
    refused_within(tmp_path, kind, gzip.compress(content(), mtime=0), words, 170 if "empty lines" in name else MOST_MB)


@pytest.mark.parametrize("kind", ["bed", "vcf", "fa"])
def test_a_bgzip_block_that_holds_more_than_a_block_may_is_corrupt(tmp_path: Path, kind: str):
    refused_within(tmp_path, kind, bgzip(bytes(60 * MEBIBYTE), block=60 * MEBIBYTE), "is corrupt")
