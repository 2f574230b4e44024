"""Every block of a bgzip file is checked: a cut or a changed bit anywhere is refused."""

import gzip
import io
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.errors import InputError
from genolong.genome.files.bgzf import BlockedText, is_bgzip
from tests.builders.genomes import END_BLOCK, bgzip

PATH = Path("genome.fa.gz")
TEXT = b">c\nACGTTGCAAC\nGGT\n"


def read(content: bytes) -> bytes:
    return b"".join(BlockedText(io.BytesIO(content), PATH))


@given(st.binary(max_size=300), st.integers(1, 67))
def test_text_and_where_blocks_begin(text: bytes, block: int):
    content = bgzip(text, block)
    blocked = BlockedText(io.BytesIO(content), PATH)
    assert b"".join(blocked) == text == gzip.decompress(content)
    for in_file, in_text in blocked.starts:
        assert gzip.decompress(content[in_file:]) == text[in_text:]
    assert blocked.longest_block == min(block, len(text))


def test_long_texts_come_in_chunks():
    text = b"ACGTACG\n" * 1_500_000
    chunks = list(BlockedText(io.BytesIO(bgzip(text)), PATH))
    assert len(chunks) == 3
    assert b"".join(chunks) == text


def test_files_may_be_joined():
    assert read(bgzip(TEXT, 7) + bgzip(TEXT)) == TEXT + TEXT


def test_every_cut_is_noticed():
    content = bgzip(TEXT, 7)
    for cut in range(1, len(content)):
        with pytest.raises(InputError, match=r"genome.fa.gz: .*(ends early|no end block)"):
            read(content[:cut])


def test_a_changed_bit_is_noticed_or_harmless():
    noticed = 0
    for bit in range(8 * len(bgzip(TEXT))):
        content = bytearray(bgzip(TEXT))
        content[bit // 8] ^= 1 << bit % 8
        try:
            assert read(bytes(content)) == TEXT
        except InputError:
            noticed += 1
    assert noticed > 8 * len(bgzip(TEXT)) * 0.7  # the rest is dates and the like


def test_corrupt_block():
    content = bytearray(bgzip(TEXT))
    content[-len(END_BLOCK) - 8] ^= 1
    with pytest.raises(InputError, match=r"block at byte 0 is corrupt .* download or copy it again"):
        read(bytes(content))


def test_missing_end_block():
    with pytest.raises(InputError, match="no end block, so it was cut short; download or copy it again"):
        read(bgzip(TEXT)[: -len(END_BLOCK)])


def test_what_follows_must_be_bgzip():
    with pytest.raises(InputError, match="no bgzip block starts at byte 46; wanted bgzip blocks to the end"):
        read(bgzip(TEXT)[: -len(END_BLOCK)] + b"<html>")


def test_plain_gzip_is_refused_with_the_commands_to_type():
    with pytest.raises(InputError, match=r"compress with bgzip: gunzip genome.fa.gz && bgzip genome.fa$"):
        read(gzip.compress(TEXT))


def test_plain_gzip_after_bgzip():
    with pytest.raises(InputError, match="its part from byte 46 is compressed with gzip"):
        read(bgzip(TEXT)[: -len(END_BLOCK)] + gzip.compress(TEXT))


def test_a_header_without_room_for_the_blocks_size_is_gzips():
    header = struct.pack("<4BI2BH", 31, 139, 8, 4, 0, 0, 255, 4) + b"BC\x02\x00"
    content = header + gzip.compress(TEXT, mtime=0)[10:]
    assert gzip.decompress(content) == TEXT
    with pytest.raises(InputError, match=r"compress with bgzip: gunzip genome.fa.gz"):
        read(content)


def test_is_bgzip():
    assert is_bgzip(bgzip(b""))
    assert not is_bgzip(gzip.compress(TEXT))
    assert not is_bgzip(TEXT)
