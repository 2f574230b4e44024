"""Headers and letters of a FASTA text, however it comes in chunks; each refusal names line and remedy."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.errors import InputError
from genolong.genome.fasta_text import LOWER, UNKNOWN, UPPER, Header, read_text
from tests.builders.genomes import contigs, fasta_text
from tests.oracles.fasta import parse

PATH = Path("g.fa")


def read(*chunks: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in read_text(chunks, PATH):
        if isinstance(part, Header):
            found[part.name] = ""
            name = part.name
        else:
            found[name] += part.letters.decode()
    return found


def refusal(text: bytes) -> str:
    with pytest.raises(InputError) as caught:
        read(text)
    return str(caught.value)


@given(contigs(), st.integers(1, 40), st.sampled_from(["\n", "\r\n"]), st.booleans(), st.integers(3, 11))
def test_chunks_may_be_cut_anywhere(expected, width, newline, final_newline, size):
    text = fasta_text(expected, width, newline, final_newline)
    assert read(*(text[at : at + size] for at in range(0, len(text), size))) == read(text) == parse(text) == expected


@given(contigs(), st.integers(1, 9))
def test_parts_say_where_they_stand(expected, size):
    text = fasta_text(expected, width=7)
    line = 0
    for part in read_text([text[at : at + size] for at in range(0, len(text), size)], PATH):
        if isinstance(part, Header):
            assert part.line > line
            line = part.line
            assert text[: part.start].endswith(f">{part.name}\n".encode())
            assert text[: part.start].count(b"\n") == line
        else:
            assert text[part.start :].startswith(part.body.rstrip())
            assert part.letters == part.body.replace(b"\n", b"")


def test_kinds_of_letters():
    _, part, _ = read_text([b">c\nAcNr"], PATH)
    assert not isinstance(part, Header)
    assert part.kinds.tolist() == [UPPER, LOWER, UNKNOWN, 8]
    assert part.present == 15


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"\xef\xbb\xbf>c\nAC\n", {"c": "AC"}),
        (b"\n\r\n  \n>c\nAC\n", {"c": "AC"}),
        (b">c\n\n\nAC\n\nGT\n\n\n>d\nA\n", {"c": "ACGT", "d": "A"}),
        (b">c\nAC \r\nGT\t\nA C\n", {"c": "ACGTAC"}),
        (b">c some description > more\nAC\n", {"c": "AC"}),
        (b">c\tH\xc3\xa9lice\nAC\n", {"c": "AC"}),
        (b">c Latin-1 \xe9\nAC\n", {"c": "AC"}),
        (b">../x:1|-\nAC", {"../x:1|-": "AC"}),
        (b">c\n>d\nAC", {"c": "", "d": "AC"}),
        (b">c\nAC\r", {"c": "AC"}),
        (b">c", {"c": ""}),
    ],
)
def test_accepted(text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            b">c\nAC\n>d\n>c x\nAC",
            "g.fa, line 4: contig c was already defined in line 1; give every contig its own name",
        ),
        (b">c\nAC\n>\nAC", "g.fa, line 3: a header without a name; wanted the name right after '>', such as >chr1"),
        (b"> c\nAC", "g.fa, line 1: a header without a name; wanted the name right after '>', such as >chr1"),
        (b">c\xe9\nAC", "the contig name b'c\\xe9' contains unprintable bytes; rename it in plain ASCII"),
        (b">c\x1b[2J\nAC", "the contig name b'c\\x1b[2J' contains unprintable bytes; rename it in plain ASCII"),
        (b">c\nACGT\nMKVLAQ\n", "g.fa, line 3: found 'L', which is not a letter of DNA; is this a protein?"),
        (b">c\nACGT*\n", "g.fa, line 2: found '*', which is not a letter of DNA; is this a protein?"),
        (b">c\nACG\nAUG\n", "g.fa, line 3: found 'U'; wanted DNA; is this RNA? write T for U"),
        (b">c\nAC-G\n", "g.fa, line 2: found '-', an alignment gap; wanted a sequence without gaps; remove them"),
        (b">c\nAC\0G\n", "g.fa, line 2: found '\\x00', a NUL byte; wanted plain text; is the file damaged?"),
        (b">c\nAC\xc3\x89G\n", "g.fa, line 2: found the byte 0xC3, which is not ASCII; wanted A C G T N or R Y"),
        (b">c\n1 ACGT\n", "g.fa, line 2: found '1', which is not a letter of DNA; wanted A C G T N or R Y"),
        (b">c\nAC>d\nAC\n", "g.fa, line 2: found '>', which is not a letter of DNA"),
        (
            b">c\rACGT\r>d\rAC\r",
            "g.fa, line 1: lines end in CR alone, as on old Macintoshes; wanted LF or CRLF; convert:",
        ),
        (b">c\nACGT\rAC\r\n", "g.fa, line 2: lines end in CR alone"),
        (b"\n\nACGT\n", "g.fa, line 3: found 'ACGT' before any header; wanted FASTA, whose first line looks like"),
        (b"<!DOCTYPE html>\n<p>", "g.fa, line 1: found '<!DOCTYPE html>' before any header; wanted FASTA"),
        (b"<html>", "is it HTML? open the address in a browser"),
        (b"##fileformat=VCFv4.2\n", "is it a VCF?"),
        (b"##gff-version 3\n", "is it a GFF?"),
        (b"@read\nACGT\n+\n!!!!\n", "is it FASTQ?"),
        (b"LOCUS  x\n", "is it GenBank?"),
        (b"ID   x\n", "is it EMBL?"),
        (b"version https://git-lfs.github.com/spec/v1\n", "it is a git-lfs pointer: run git lfs pull"),
        (b";comment\n>c\nAC", "comments are not supported: remove them"),
        (b"PK\x03\x04...", "it is a zip archive: unpack it"),
        (b"BZh9", "it is compressed with bzip2"),
        (b"\xfd7zXZ\0", "it is compressed with xz"),
        (b"\x28\xb5\x2f\xfd..", "it is compressed with zstd"),
        (b"C\x27A\x1a", "it is 2bit"),
        (">c\nACGT\n".encode("utf-16"), "is it UTF-16? convert it: iconv -f UTF-16 -t ASCII"),
        (">c\nACGT\n".encode("utf-16-be"), "is it UTF-16? convert it: iconv -f UTF-16 -t ASCII"),
        (b"\xfe\xff" + ">c\nACGT\n".encode("utf-16-be"), "is it UTF-16? convert it: iconv -f UTF-16 -t ASCII"),
        (">c\nACGT\n".encode("utf-16-le"), "g.fa, line 1: a NUL byte in a header; is it UTF-16?"),
        (b">" + b"A" * (1 << 21), "line 1: a header longer than 1,048,576 characters; is its line break missing?"),
    ],
)
def test_refused(text, message):
    said = refusal(text)
    assert message in said
    assert "\n" not in said
    assert said.startswith("g.fa, line ")


@given(st.integers(1, 7))
def test_lines_are_counted_across_chunks(size):
    text = b">c\nAC\r\n\r\nGT\n>d\nAQ\n"
    with pytest.raises(InputError, match="line 6: found 'Q'"):
        read(*(text[at : at + size] for at in range(0, len(text), size)))
