"""Every line comes back as it was; columns 1 to 5 are read, INFO takes additions, and the chunk's size is no matter."""

import gzip
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from genolong.errors import InputError
from genolong.genome import vcf
from genolong.genome.files import spool
from genolong.genome.files.spool import SpooledLine
from genolong.genome.vcf import Record, VcfReader
from tests.builders.vcfs import HEADER, record_line, texts, vcf_text
from tests.oracles.vcf import edit_info

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
ADDED = b"GENOLONG_LLR=-1.2;GENOLONG_STATUS=ok"
KEYS = (b"GENOLONG_LLR", b"GENOLONG_STATUS")
CHUNKS = st.integers(1, 40) | st.just(1 << 20)

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"real files are not there: {SHARED}")


def read(path: Path, text: bytes, chunk_bytes: int = 1 << 20) -> tuple[tuple[bytes, ...], list[Record]]:
    path.write_bytes(text)
    with VcfReader(path, chunk_bytes) as reader:
        return reader.header, list(reader)


def written(record: Record, additions: bytes = b"", removed: tuple[bytes, ...] = ()) -> bytes:
    return b"".join(record.pieces(additions, removed))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vcf") / "in.vcf"


def one(path: Path, line: bytes, chunk_bytes: int = 1 << 20) -> Record:
    _, (record,) = read(path, vcf_text(line), chunk_bytes)
    return record


@given(texts(), CHUNKS)
def test_every_line_comes_back(path: Path, text: bytes, chunk: int):
    header, records = read(path, text, chunk)
    assert len(header) == len(HEADER)
    assert b"".join(header) + b"".join(map(written, records)) == text
    assert [record.line for record in records] == [*range(5, 5 + len(records))]


@given(texts(), CHUNKS)
def test_columns_are_those_of_a_plain_split(path: Path, text: bytes, chunk: int):
    _, records = read(path, text, chunk)
    for record, line in zip(records, text.split(b"\n")[len(HEADER) :], strict=False):
        columns = line.removesuffix(b"\r").split(b"\t")
        assert bool(record.malformed) == (len(columns) < 8 or line.startswith(b"#"))
        if not record.malformed:
            assert record.contig.encode("utf-8", "surrogateescape") == columns[0]
            assert record.position == (int(columns[1]) - 1 if columns[1].isdigit() else None)
            assert (record.reference, b",".join(record.alternates), record.info) == (columns[3], columns[4], columns[7])


@given(texts(), CHUNKS, st.sampled_from([b"", ADDED]), st.sampled_from([(), (b"AC", b"K"), (b"A",)]))
def test_only_info_changes(path: Path, text: bytes, chunk: int, additions: bytes, removed: tuple[bytes, ...]):
    assume(additions or removed)
    for record in read(path, text, chunk)[1]:
        if record.malformed:
            with pytest.raises(ValueError, match=f"line {record.line} cannot take INFO: "):
                record.pieces(additions, removed)
            continue
        before, after = written(record), written(record, additions, removed)
        start, tail = record.info_start, before[record.info_end :]
        assert after == before[:start] + edit_info(record.info, additions, removed) + tail
        assert record.held_keys(removed) == {field.split(b"=")[0] for field in record.info.split(b";")} & set(removed)


@given(texts(), CHUNKS)
def test_what_was_added_can_be_removed_again(path: Path, text: bytes, chunk: int):
    header, records = read(path, text, chunk)
    added = [written(record, b"" if record.malformed else ADDED) for record in records]
    assert len(added) == len(records)
    _, again = read(path, b"".join(header) + b"".join(added), chunk)
    for before, after in zip(records, again, strict=True):
        assert bool(after.malformed) == bool(before.malformed)
        if not after.malformed:
            assert after.held_keys(KEYS) == set(KEYS)
            text, start, end = written(before), before.info_start, before.info_end
            info = before.info.removesuffix(b";") or b"."
            assert written(after, b"", KEYS) == text[:start] + info + text[end:]


@pytest.mark.parametrize(
    ("pos", "position"),
    [
        ("0", -1),
        ("1", 0),
        ("536870913", 536870912),
        ("-1", None),
        ("1e5", None),
        (".", None),
        ("", None),
        ("9" * 19, None),
    ],
)
def test_positions_count_from_0(path: Path, pos: str, position: int | None):
    assert one(path, record_line(pos=pos)).position == position


def test_alleles_are_as_written(path: Path):
    record = one(path, record_line(ref="acg", alt="<DEL>,*,G]17:1],"))
    assert (record.reference, record.alternates) == (b"acg", (b"<DEL>", b"*", b"G]17:1]", b""))
    assert one(path, record_line(alt=".")).alternates == (b".",)


def test_contigs_of_any_bytes(path: Path):
    assert one(path, b"\xffchr\t" + record_line()).contig == "\udcffchr"


@pytest.mark.parametrize("chunk_bytes", [7, 1 << 20])
@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"", "a blank line"),
        (b" \t\r", "a blank line"),
        (b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO", "a line that starts with #, after the header"),
        (b"chr1\t7\t.\tA\tC\t50\tPASS", "7 columns, wanted 8 or more"),
        (record_line().replace(b"\t", b" "), "columns are separated by spaces, wanted tabs"),
        (b"hello", "1 column, wanted 8 or more"),
    ],
)
def test_lines_that_are_no_records_pass_and_say_why(path: Path, chunk_bytes: int, line: bytes, why: str):
    _, (before, record, after) = read(path, vcf_text(record_line(), line, record_line()), chunk_bytes)
    assert record.malformed == why and written(record) == line + b"\n"
    assert not before.malformed and not after.malformed


@pytest.mark.parametrize("chunk_bytes", [7, 1 << 20])
def test_the_first_five_columns_have_a_limit(path: Path, chunk_bytes: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(vcf, "FIXED_BYTES", len(b"chr1\t7\t.\tAAAA\tC\t"))
    assert one(path, record_line(ref="AAAA", info="long" * 99), chunk_bytes).reference == b"AAAA"
    assert one(path, b"#" + b"A" * 99, chunk_bytes).malformed
    for line, found in ((record_line(ref="AAAAA"), 17), (b"A" * 99, 100)):
        with pytest.raises(
            InputError, match=rf"in.vcf, line 5: columns 1 to 5 take {found} bytes; wanted at most 16; "
        ):
            one(path, line, chunk_bytes)


def test_a_long_line_lies_in_a_file(path: Path):
    info = ";".join(f"K{number}=" + "v" * 999 for number in range(3000))
    line = record_line(info=info) + b"\tGT" + b"\t0|1" * 900_000
    _, (before, record, after) = read(path, vcf_text(record_line(), line, record_line(pos=8)))
    assert isinstance(before.text, bytes) and isinstance(record.text, SpooledLine) and after.position == 7
    assert record.info == info.encode() and record.held_keys((b"K2999", b"K")) == {b"K2999"}
    pieces = list(record.pieces(ADDED, (b"K2999",)))
    assert max(map(len, pieces)) <= 1 << 20
    expected = edit_info(info.encode(), ADDED, (b"K2999",))
    assert b"".join(pieces) == line.replace(info.encode(), expected) + b"\n"


@pytest.mark.parametrize(("full_bytes", "files"), [(1 << 26, 1), (1100, 100)])
def test_long_lines_share_files(path: Path, monkeypatch: pytest.MonkeyPatch, full_bytes: int, files: int):
    monkeypatch.setattr(spool, "_FULL_BYTES", full_bytes)
    lines = [record_line(pos=pos, info="x" * 90) for pos in range(1000, 1990)]  # 115 bytes each; the header comes first
    _, records = read(path, vcf_text(*lines), 8)
    spooled = [record.text for record in records if isinstance(record.text, SpooledLine)]
    assert len(spooled) == len(lines) and len({id(text.file) for text in spooled}) == files
    assert [written(record) for record in records] == [line + b"\n" for line in lines]


@pytest.mark.parametrize("chunk_bytes", [97, 1 << 20])
def test_bytes_are_told_as_records_come_not_as_chunks_do(path: Path, chunk_bytes: int):
    lines, before = [record_line(pos=pos) + b"\n" for pos in range(1000, 1990)], len(b"".join(HEADER))
    path.write_bytes(b"".join((*HEADER, *lines)))
    with VcfReader(path, chunk_bytes) as reader:
        told = [reader.bytes_read for _ in reader]
        assert told[-1] == reader.bytes_read == reader.bytes_total == before + len(lines) * len(lines[0])
    assert told == sorted(told)
    for number, found in enumerate(told, start=1):
        assert abs(found - before - number * len(lines[0])) <= before


@needs_shared
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("1kgp_chr1_snv_indel_sv_head1000.vcf.gz", 889),
        ("1kg_chr1_GRCh37.plain_gzip.vcf.gz", 9_961),
        ("NA12878_MT.g.vcf.gz", 6_590),
        pytest.param("hapmap_wrong_build.plain_gzip.vcf.gz", 83_534, marks=pytest.mark.nightly),
        pytest.param("nist_complex_indels.vcf.gz", 184_632, marks=pytest.mark.nightly),
        ("sniffles_breakends.vcf", 140),
        ("multi_allelic.vcf", 1),
    ],
)
def test_real_files(path: Path, name: str, count: int):
    source = SHARED / "vcf" / name
    text = gzip.decompress(source.read_bytes()) if name.endswith(".gz") else source.read_bytes()
    with VcfReader(source) as reader:
        records = list(reader)
    assert len(records) == count and not any(record.malformed for record in records)
    assert b"".join(reader.header) + b"".join(map(written, records)) == text
    _, again = read(path, b"".join(reader.header) + b"".join(written(record, ADDED) for record in records))
    assert b"".join(written(record, b"", KEYS) for record in again) == b"".join(map(written, records))


@needs_shared
def test_the_examples_of_the_specification(path: Path):
    sources = sorted((SHARED / "conformance" / "hts-specs").rglob("*.vcf"))
    refused = set()
    for source in sources:
        try:
            with VcfReader(source) as reader:
                records = list(reader)
        except InputError as error:
            assert str(source) in str(error) and ("line" in str(error) or "is empty" in str(error))
            refused.add(source)
            continue
        assert b"".join(reader.header) + b"".join(map(written, records)) == source.read_bytes()
        passed = source.parent.name == "passed"
        assert not passed or all(not record.malformed and record.position is not None for record in records), source
    assert len(sources) > 600 and 0 < len(refused) < 30
    assert not [source for source in refused if source.parent.name == "passed"]
