"""A VCF's text is the same whatever holds it; what is cut, corrupt or no VCF is refused."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.errors import InputError, MissingInputError
from genolong.genome.vcf_text import VcfText
from tests.builders.genomes import bgzip
from tests.builders.vcfs import record_line, texts, vcf_text

TEXT = vcf_text(*(record_line(pos=pos, info=f"AC={pos}") for pos in range(1, 90)))


def read(path: Path | str, chunk_bytes: int = 7) -> bytes:
    text = VcfText(path, chunk_bytes)
    try:
        return b"".join(text)
    finally:
        text.close()


def refusal(path: Path | str, content: bytes | None = None, chunk_bytes: int = 1 << 20) -> str:
    if content is not None:
        Path(path).write_bytes(content)
    with pytest.raises(InputError) as caught:
        read(path, chunk_bytes)
    return str(caught.value)


@pytest.fixture
def stdin() -> Iterator[int]:
    """The end of a pipe that becomes standard input: write to it, close it."""
    before = os.dup(0)
    reading, writing = os.pipe()
    os.dup2(reading, 0)
    os.close(reading)
    yield writing
    os.dup2(before, 0)
    os.close(before)


@pytest.fixture(scope="module")
def bcf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bcf")
    (folder / "in.vcf").write_bytes(TEXT)
    path = folder / "in.bcf"
    with (
        pysam.VariantFile(str(folder / "in.vcf")) as source,
        pysam.VariantFile(str(path), "wb", header=source.header) as out,
    ):
        for record in source:
            out.write(record)
    return path


def several_members(text: bytes) -> bytes:
    return gzip.compress(text[:40]) + gzip.compress(text[40:])


@given(
    texts(), st.integers(1, 99), st.sampled_from([bytes, gzip.compress, several_members, lambda text: bgzip(text, 23)])
)
def test_the_text_is_what_was_put_in(tmp_path_factory: pytest.TempPathFactory, text: bytes, chunk: int, pack):
    path = tmp_path_factory.getbasetemp() / "in.vcf"
    path.write_bytes(pack(text))
    assert read(path, chunk) == text


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bgzip])
def test_standard_input(stdin: int, pack):
    os.write(stdin, pack(TEXT))
    os.close(stdin)
    assert read("-") == TEXT


def test_a_pipe_that_gives_one_byte_first(stdin: int):
    text = VcfText("-", 7)
    os.write(stdin, b"#")
    os.write(stdin, TEXT[1:])
    os.close(stdin)
    assert b"".join(text) == TEXT
    assert text.size is None and text.bytes_read == len(TEXT)
    text.close()


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bgzip])
def test_how_far_it_has_come(tmp_path: Path, pack):
    lines = [record_line(pos=pos, info=os.urandom(20).hex()) for pos in range(60_000)]
    path = tmp_path / "in.vcf"
    path.write_bytes(pack(vcf_text(*lines)))
    text = VcfText(path, 1 << 16)
    assert text.size == path.stat().st_size
    seen = [text.bytes_read for _ in text]
    text.close()
    assert seen[-1] == text.size
    assert seen == sorted(seen) and 0 < seen[0] <= (1 << 17) + 8192, "it reads no more than a chunk ahead"


def test_bcf(bcf: Path):
    text = VcfText(bcf)
    found = b"".join(text)
    assert found.endswith(TEXT[TEXT.index(b"#CHROM") :])
    assert text.size is not None and 0 < text.bytes_read <= text.size
    text.close()


def test_bcf_that_cannot_be_read(bcf: Path, tmp_path: Path):
    content = bcf.read_bytes()
    message = refusal(tmp_path / "cut.bcf", content[:-40], chunk_bytes=7)
    assert "cut.bcf: the bgzip file has no end block, so it was cut short" in message
    message = refusal(tmp_path / "other.bcf", bgzip(b"BCF\2\2 and then something else"))
    assert "other.bcf: the BCF cannot be read" in message and "bcftools view" in message
    assert "the BCF cannot be read" in refusal(tmp_path / "plain.bcf", gzip.compress(b"BCF\2\2"))


def test_bcf_that_is_damaged_where_it_has_been_read_from_for_long(tmp_path: Path):
    path = tmp_path / "late.bcf"
    with pysam.VariantFile(str(path), "wb", header=pysam.VariantHeader()) as made:
        made.header.add_line('##INFO=<ID=X,Number=1,Type=String,Description="x">')
        made.header.contigs.add("1", 1 << 28)
        for start in range(9_000):
            made.write(made.new_record("1", start, alleles=("A", "C"), info={"X": os.urandom(70).hex()}))
    content = bytearray(path.read_bytes())
    content[-40_000] ^= 0xFF
    path.write_bytes(content)
    text = VcfText(path)
    with pytest.raises(InputError, match=r"late\.bcf: the BCF cannot be read"):
        list(text)
    text.close()


def test_bcf_redirected_to_standard_input(bcf: Path):
    kept, given = os.dup(0), os.open(bcf, os.O_RDONLY)
    os.dup2(given, 0)
    try:
        assert refusal("-").startswith("standard input is BCF, which is only read from a file; wanted VCF")
    finally:
        os.dup2(kept, 0)
        os.close(kept)
        os.close(given)


def test_bcf_from_a_pipe(bcf: Path, stdin: int):
    os.write(stdin, bcf.read_bytes())
    os.close(stdin)
    message = refusal("-")
    assert message.startswith("standard input is BCF, which is only read from a file") and "bcftools view" in message


def test_every_cut_of_a_gzip_file_is_noticed(tmp_path: Path):
    content = several_members(TEXT)
    for cut in {*range(20, len(content), 7), len(content) - 1} - {len(gzip.compress(TEXT[:40]))}:
        message = refusal(tmp_path / "in.vcf.gz", content[:cut])
        assert "in.vcf.gz: the gzip file ends early, so it was cut short; download or copy it again" in message


def test_a_corrupt_gzip_file(tmp_path: Path):
    content = bytearray(gzip.compress(TEXT))
    content[-6] ^= 1
    assert "the gzip file is corrupt (CRC check failed" in refusal(tmp_path / "in.vcf.gz", bytes(content))


def test_a_bgzip_file_without_its_end(tmp_path: Path):
    assert "no end block, so it was cut short" in refusal(tmp_path / "in.vcf.gz", bgzip(TEXT)[:-28])
    text = VcfText(tmp_path / "in.vcf.gz", 7)
    with pytest.raises(InputError, match=r"in.vcf.gz: the bgzip file has no end block"):
        next(iter(text))  # before anything of it is worked on
    text.close()


def test_files_that_are_not_there(tmp_path: Path):
    with pytest.raises(MissingInputError, match=r"none.vcf does not exist; wanted a VCF; check its spelling"):
        VcfText(tmp_path / "none.vcf")
    with pytest.raises(InputError, match=r"is a folder; wanted a VCF; name the file in it"):
        VcfText(tmp_path)
    (tmp_path / "file").write_bytes(TEXT)
    with pytest.raises(MissingInputError, match=r"cannot be read \(Not a directory\); wanted a VCF"):
        VcfText(tmp_path / "file" / "in.vcf")


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bgzip])
def test_an_empty_file(tmp_path: Path, pack):
    assert "in.vcf is empty; wanted a VCF; did the program that wrote it fail?" in refusal(
        tmp_path / "in.vcf", pack(b"")
    )


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (TEXT.decode().encode("utf-16"), "is it UTF-16? convert it: iconv"),
        (TEXT.decode().encode("utf-16-le"), "is it UTF-16? convert it: iconv"),
        (TEXT.decode().encode("utf-16-be"), "is it UTF-16? convert it: iconv"),
        (bgzip(b"BAM\1"), "it is BAM"),
        (bgzip(b"TBI\1"), "it is an index"),
        (bgzip(b"CSI\1"), "it is an index"),
        (b"CRAM\3", "it is CRAM"),
        (b"PK\x03\x04", "unpack it"),
        (b"BZh9", "bzip2"),
        (b"\xfd7zXZ\0", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"\x89PNG\r\n\x1a\n", "it is a picture"),
        (b"%PDF-1.4", "it is a PDF"),
        (b"<!DOCTYPE html>", "HTML"),
        (b">chr1\nACGT\n", "is it FASTA?"),
        (b"@SQ\tSN:1", "SAM"),
        (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        (b'{"json": 1}', "is it the right file?"),
        (record_line(), "it has records but no header"),
    ],
)
def test_what_is_no_vcf(tmp_path: Path, content: bytes, hint: str):
    message = refusal(tmp_path / "in.vcf", content)
    assert "in.vcf, line 1: found " in message and hint in message
    assert "wanted a VCF, which begins with a header such as ##fileformat=VCFv4.2" in message and "\0" not in message


def test_the_line_is_counted(tmp_path: Path):
    assert "in.vcf, line 3: found 'hello'" in refusal(tmp_path / "in.vcf", b"\r\n\nhello\n#CHROM")


def test_a_byte_order_mark_and_blank_lines_are_kept(tmp_path: Path):
    (tmp_path / "in.vcf").write_bytes(b"\xef\xbb\xbf\n\r\n" + TEXT)
    assert read(tmp_path / "in.vcf", 1 << 20) == b"\xef\xbb\xbf\n\r\n" + TEXT
