"""A header is kept line by line, tells its INFO fields and takes new ones; what is no header says so."""

from pathlib import Path

import pytest

from genolong.errors import InputError
from genolong.genome import vcf_header
from genolong.genome.vcf import VcfReader
from genolong.genome.vcf_header import COLUMNS, declared_info, info_types, with_lines
from tests.builders.vcfs import HEADER, record_line, vcf_text

OTHERS = HEADER[:-1]
AC = HEADER[1]


def refusal(tmp_path: Path, content: bytes) -> str:
    (tmp_path / "in.vcf").write_bytes(content)
    with pytest.raises(InputError) as caught:
        VcfReader(tmp_path / "in.vcf")
    assert caught.value.exit_code == 65
    return str(caught.value)


@pytest.mark.parametrize(
    "header",
    [
        HEADER,
        [COLUMNS + b"\n"],
        [COLUMNS],
        [b"\xef\xbb\xbf" + HEADER[0], *HEADER[1:]],
        [b"\xef\xbb\xbf" + COLUMNS + b"\n"],
        [b"\n", b"# a comment\n", b"##fileformat=VCFv3.3\r\n", COLUMNS + b"\tFORMAT\ts1\ts2\r\n"],
        [b"##" + b"x" * 999 + b"\n", COLUMNS + b"\tFORMAT" + b"\tsample" * 99 + b"\n"],
    ],
)
@pytest.mark.parametrize("chunk_bytes", [7, 1 << 20])
def test_headers_that_are_fine(tmp_path: Path, header: list[bytes], chunk_bytes: int):
    (tmp_path / "in.vcf").write_bytes(b"".join(header))
    with VcfReader(tmp_path / "in.vcf", chunk_bytes) as reader:
        assert list(reader.header) == list(header)
        assert not list(reader)


def test_a_record_before_the_header_is_whole(tmp_path: Path):
    message = refusal(tmp_path, vcf_text(record_line(), header=OTHERS))
    assert "in.vcf, line 4: found a record, 'chr1 7 . A C 50 PASS .', and no #CHROM line before it" in message
    assert (
        "wanted a header that ends in #CHROM POS ID REF ALT QUAL FILTER INFO, with tabs; was the header cut?" in message
    )


def test_a_text_that_ends_before_the_header_is_whole(tmp_path: Path):
    message = refusal(tmp_path, b"".join(OTHERS))
    assert "in.vcf, line 3: the text ends without a #CHROM line; wanted a header that ends in #CHROM POS" in message


def test_a_line_that_was_meant_as_the_last(tmp_path: Path):
    message = refusal(tmp_path, vcf_text(record_line(), header=[*OTHERS, b"#chrom\tPOS\tID\n"]))
    assert "line 5: found a record" in message and "line 4 is '#chrom POS ID': is it meant to be that line?" in message


def test_a_line_about_positions_was_not_meant_as_the_last(tmp_path: Path):
    about = b'##INFO=<ID=NPOS,Number=1,Type=Integer,Description="POS of the next">\n'
    assert refusal(tmp_path, b"".join([*OTHERS, about])).endswith("put the original header before the records")


def test_carriage_returns_alone(tmp_path: Path):
    message = refusal(tmp_path, vcf_text(record_line()).replace(b"\n", b"\r"))
    assert "in.vcf, line 1: lines end in CR alone, as on old Macintoshes; wanted LF or CRLF; convert: tr" in message


def test_too_few_columns(tmp_path: Path):
    message = refusal(tmp_path, vcf_text(header=[*OTHERS, b"#CHROM\tPOS\tID\n"]))
    assert "in.vcf, line 4: the #CHROM line has 3 columns, '#CHROM POS ID'; wanted the 8 columns of every" in message


def test_columns_of_other_names(tmp_path: Path):
    message = refusal(tmp_path, vcf_text(header=[COLUMNS.replace(b"POS", b"POSITION") + b"\n"]))
    assert "line 1: the #CHROM line begins with '#CHROM POSITION ID REF" in message and "correct its column" in message
    assert "#CHROM line begins with" in refusal(tmp_path, COLUMNS + b"2\tFORMAT\n")


def test_spaces_for_tabs(tmp_path: Path):
    message = refusal(tmp_path, COLUMNS.replace(b"\t", b" ") + b"\n")
    assert "line 1: the columns of the #CHROM line are separated by spaces; wanted tabs" in message


def test_a_header_that_fills_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(vcf_header, "LONGEST_BYTES", 99)
    assert "line 2: the header is longer than 99 bytes; wanted a VCF; is it one?" in refusal(tmp_path, vcf_text())


def test_declared_info():
    lines = (
        b'##INFO=<Number=1,Description=",ID=C",ID=B>\n',
        b"##INFO=<Number=1>\n",
        b"##FORMAT=<ID=D>\n",
        b"##INFO=x\n",
    )
    assert declared_info((*HEADER, *lines)) == {b"AC", b"B"}


def test_types_of_info_fields():
    lines = (
        b'##INFO=<ID=B,Description="a, Type=Float",Type=String>\n',
        b"##INFO=<ID=C>\n",
        b"##FORMAT=<ID=D,Type=Float>\n",
    )
    assert info_types((*HEADER, *lines)) == {"AC": "Integer", "B": "String", "C": ""}


def test_new_lines_stand_before_the_columns():
    new = b"##INFO=<ID=GL,Number=A>"
    assert with_lines(HEADER, [new]) == [*OTHERS, new + b"\n", HEADER[-1]]
    assert with_lines(HEADER, [new], {b"AC", b"GL"}) == [OTHERS[0], OTHERS[2], new + b"\n", HEADER[-1]]
    assert with_lines([AC, COLUMNS + b"\r\n"], [new]) == [AC, new + b"\r\n", COLUMNS + b"\r\n"]
    assert with_lines([COLUMNS], [new]) == [new + b"\n", COLUMNS]
