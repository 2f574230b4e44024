"""A VCF is written whole or not at all, resumes to the same bytes, and is indexed where its order allows."""

import errno
import gzip
import os
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genolong.errors import InputError, OutputError
from genolong.genome.files import partial_file
from genolong.genome.files.bgzf import BlockedText
from genolong.genome.files.bgzf_writer import BLOCK_BYTES, as_block
from genolong.genome.files.partial_file import open_descriptor
from genolong.genome.vcf import Record, VcfReader
from genolong.genome.vcf_writer import VcfWriter
from tests.builders.genomes import END_BLOCK
from tests.builders.vcfs import HEADER, record_line, vcf_text

ADDED = b"GENOLONG_LLR=-1.2;GENOLONG_STATUS=ok"
NAMES = ["out.vcf", "out.vcf.gz", "out.vcf.bgz", "OUT.VCF.GZ", "out.bgzf"]
SORTED = [record_line("chr1", 5), record_line("chr1", 5), record_line("chr1", 900), record_line("chr2", 3)]


def noise(size: int) -> str:
    """Text that cannot be deflated: bytes of every kind but tab and newline."""
    return os.urandom(2 * size).translate(None, b"\t\n")[:size].decode("latin-1")


@pytest.fixture
def records(tmp_path: Path):
    def of(*lines: bytes) -> list[Record]:
        (tmp_path / "in.vcf").write_bytes(vcf_text(*lines))
        with VcfReader(tmp_path / "in.vcf") as reader:
            return list(reader)

    return of


def write(path: Path, records: Sequence[Record], additions: bytes = b"") -> list[str]:
    with VcfWriter(path) as writer:
        writer.write_header(HEADER)
        for record in records:
            writer.write(record, additions)
    return writer.notes


def text_of(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


@pytest.mark.parametrize("name", NAMES)
def test_the_text_arrives_under_its_name(tmp_path: Path, records, name: str):
    assert not write(tmp_path / name, records(*SORTED), ADDED)
    assert text_of(tmp_path / name) == vcf_text(*(line.replace(b"PASS\t.", b"PASS\t" + ADDED) for line in SORTED))
    is_plain = name == "out.vcf"
    assert (tmp_path / name).read_bytes().startswith(b"##" if is_plain else b"\x1f\x8b")
    assert {path.name for path in tmp_path.iterdir()} == {"in.vcf", name} | (
        {f"{name}.tbi"} - {is_plain and f"{name}.tbi"}
    )


def test_what_cannot_be_deflated_comes_in_whole_blocks(tmp_path: Path, records):
    lines = [b"chr1\t7\t.\tA\tC\t.\t.\t" + noise(99_991).encode("latin-1") for _ in range(30)]
    write(tmp_path / "out.vcf.gz", records(*lines))
    with open(tmp_path / "out.vcf.gz", "rb") as file:
        blocked = BlockedText(file, tmp_path / "out.vcf.gz")
        assert b"".join(blocked) == vcf_text(*lines)
    assert blocked.longest_block == BLOCK_BYTES == 65_280
    assert as_block(b"") == END_BLOCK and len(as_block(noise(BLOCK_BYTES).encode("latin-1"))) <= 1 << 16


def test_other_programs_read_it(tmp_path: Path, records):
    write(tmp_path / "out.vcf.gz", records(*SORTED), b"AC=3")
    with pysam.VariantFile(str(tmp_path / "out.vcf.gz")) as file:
        assert [(record.contig, record.pos, record.info["AC"]) for record in file] == [
            ("chr1", 5, (3,)), ("chr1", 5, (3,)), ("chr1", 900, (3,)), ("chr2", 3, (3,)),
        ]  # fmt: skip
        assert [record.pos for record in file.fetch("chr1", 800, 1000)] == [900]
        assert [record.pos for record in file.fetch("chr2")] == [3]


@settings(max_examples=25)
@given(st.lists(st.booleans(), min_size=2, max_size=9), st.data(), st.sampled_from(["out.vcf", "out.vcf.gz"]))
def test_resumed_is_byte_identical(tmp_path_factory: pytest.TempPathFactory, flushes: list[bool], data, name: str):
    folder = tmp_path_factory.mktemp("resume")
    lines = [record_line(pos=5 + number, info=noise(40_000)) for number in range(len(flushes))]
    (folder / "in.vcf").write_bytes(vcf_text(*lines))
    with VcfReader(folder / "in.vcf") as reader:
        records = list(reader)

    def go(writer: VcfWriter, numbers: range) -> list[tuple[int, int]]:
        places = []
        for number in numbers:
            writer.write(records[number], ADDED)
            if flushes[number]:
                places.append((number + 1, writer.flush()))
        return places

    with VcfWriter(folder / f"whole-{name}") as writer:
        writer.write_header(HEADER)
        start = (0, writer.flush())
        places = [start, *go(writer, range(len(records)))]
    stopped = VcfWriter(folder / name)
    stopped.write_header(HEADER)
    assert stopped.flush() == start[1]
    done = data.draw(st.sampled_from(places))
    reached = data.draw(st.integers(done[0], len(records)))
    go(stopped, range(reached))
    stopped.close()
    partial = folder / f"{name}.partial"
    assert not (folder / name).exists() and partial.stat().st_size >= done[1]
    with open(partial, "ab") as file:
        file.write(os.urandom(data.draw(st.integers(0, 99))))
    with VcfWriter(folder / name, resume_at=done[1]) as resumed:
        go(resumed, range(done[0], len(records)))
    assert (folder / name).read_bytes() == (folder / f"whole-{name}").read_bytes()
    assert not partial.exists() and not resumed.notes


def test_an_error_leaves_the_old_file_and_the_partial_one(tmp_path: Path):
    old = b"##fileformat=VCFv4.1\n"
    (tmp_path / "out.vcf").write_bytes(old)

    def fail():
        with VcfWriter(tmp_path / "out.vcf") as writer:
            writer.write_header(HEADER)
            writer.flush()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (tmp_path / "out.vcf").read_bytes() == old
    assert (tmp_path / "out.vcf.partial").read_bytes() == b"".join(HEADER)


def test_file_and_folder_are_synced_around_the_renaming(tmp_path: Path, records, monkeypatch: pytest.MonkeyPatch):
    seen: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        partial_file.os, "fsync", lambda fd: (seen.append(os.readlink(f"/proc/self/fd/{fd}")), fsync(fd))[1]
    )
    monkeypatch.setattr(partial_file.os, "replace", lambda *two: (seen.append("rename"), replace(*two))[1])
    write(tmp_path / "out.vcf", records())
    assert seen == [str(tmp_path / "out.vcf.partial"), "rename", str(tmp_path)]


def test_a_link_stays_and_its_file_changes(tmp_path: Path, records):
    (tmp_path / "far").mkdir()
    (tmp_path / "out.vcf").symlink_to(tmp_path / "far" / "real.vcf")
    write(tmp_path / "out.vcf", records())
    assert (tmp_path / "out.vcf").is_symlink() and (tmp_path / "far" / "real.vcf").read_bytes() == vcf_text()


def test_far_positions_get_a_csi(tmp_path: Path, records):
    (tmp_path / "out.vcf.gz.tbi").write_bytes(b"old")
    assert not write(tmp_path / "out.vcf.gz", records(record_line(pos=5), record_line(pos=1 << 29, ref="AA")))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.vcf", "out.vcf.gz", "out.vcf.gz.csi"]
    with pysam.VariantFile(str(tmp_path / "out.vcf.gz")) as file:
        assert [record.pos for record in file.fetch("chr1", (1 << 29) - 9, (1 << 29) + 9)] == [1 << 29]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([record_line(pos=9), record_line(pos=8)], "its records are not sorted: line 6 goes back to chr1:8"),
        (
            [record_line(pos=9), b"\n", record_line(pos=8)],
            "line 6 is blank, and tabix, bcftools and pysam stop there; re",
        ),
        ([record_line("a"), record_line("b"), record_line("a")], "its records are not sorted: line 7 goes back to a"),
        ([record_line(pos="x")], "tabix cannot make one"),
    ],
)
def test_what_has_no_index_says_so(tmp_path: Path, records, lines: list[bytes], reason: str):
    for suffix in (".tbi", ".csi"):
        (tmp_path / f"out.vcf.gz{suffix}").write_bytes(b"old")
    (note,) = write(tmp_path / "out.vcf.gz", records(*lines))
    assert "out.vcf.gz has no index, because " in note and reason in note
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.vcf", "out.vcf.gz"]
    assert text_of(tmp_path / "out.vcf.gz") == vcf_text(*lines)


def test_a_header_that_other_programs_refuse_is_told(tmp_path: Path):
    with VcfWriter(tmp_path / "out.vcf") as writer:
        writer.write_header(HEADER[1:])
    (note,) = writer.notes
    assert note.startswith("the header does not begin with ##fileformat, so bcftools and pysam read neither")
    with pytest.raises(ValueError, match="is it VCF/BCF format"):
        pysam.VariantFile(str(tmp_path / "out.vcf"))
    with VcfWriter(tmp_path / "mark.vcf") as writer:
        writer.write_header((b"\xef\xbb\xbf" + HEADER[0], *HEADER[1:]))
    (note,) = writer.notes
    assert note.startswith("the header begins with a byte order mark, so bcftools and pysam read neither this file")
    with pytest.raises(ValueError, match="is it VCF/BCF format"):
        pysam.VariantFile(str(tmp_path / "mark.vcf"))
    assert note.endswith("tail -c +4 in.vcf > out.vcf")
    (tmp_path / "without.vcf").write_bytes((tmp_path / "mark.vcf").read_bytes()[4 - 1 :])
    pysam.VariantFile(str(tmp_path / "without.vcf")).close()


def test_an_old_index_that_stays_is_told(tmp_path: Path, records):
    (tmp_path / "out.vcf.idx").mkdir()
    (note,) = write(tmp_path / "out.vcf", records())
    assert "out.vcf.idx belongs to an older file and cannot be removed" in note
    assert (tmp_path / "out.vcf").read_bytes() == vcf_text()


def test_places_that_cannot_be_written_to(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    for path, message in (
        (tmp_path / "none" / "out.vcf", r"out.vcf: there is no folder .*none; wanted one to write to; make it first"),
        (
            tmp_path / "file" / "out.vcf",
            r"out.vcf.partial cannot be created \(Not a directory\); .* name another place",
        ),
        (tmp_path, r"is a folder; wanted a file; name one in it"),
        (tmp_path / "out.bcf", r"out.bcf: BCF is not written; wanted a name that ends in .vcf.gz or .vcf"),
    ):
        with pytest.raises(OutputError, match=message) as caught:
            VcfWriter(path)
        assert caught.value.exit_code == 73


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("README.md", b"# A project\n"),
        ("calls.txt", b"## Calls\n"),
        ("notes", b"\xef\xbb\xbfchr1"),
        ("in.vcf.gz.tbi", gzip.compress(b"TBI\1", mtime=0)),
        ("cut.gz", gzip.compress(b"##fileformat=VCFv4.2\n", mtime=0)[:12]),
        ("odd.gz", gzip.compress(b"##fileformat=VCFv4.2\n", mtime=0)[:10] + b"\xff" * 30),
        ("calls.bcf.gz", gzip.compress(b"BCF\2\2", mtime=0)),
    ],
)
def test_a_file_of_another_kind_is_not_replaced(tmp_path: Path, name: str, content: bytes):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(OutputError) as refusal:
        VcfWriter(tmp_path / name)
    assert str(refusal.value) == f"{tmp_path / name}: exists, and is not a VCF; name another file, or remove this one"
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == content


@pytest.mark.parametrize(
    "begin", [b"\n\n", b"\r\n", b"# ours\n", b"## ours\n", b"##\n", b"#fileformat=VCFv4.2\n", b"##=\n"]
)
@pytest.mark.parametrize("packed", [False, True])
def test_every_vcf_that_can_be_read_is_replaced(tmp_path: Path, begin: bytes, packed: bool):
    old, path = begin + vcf_text(*SORTED), tmp_path / "out.vcf"
    path.write_bytes(gzip.compress(old) if packed else old)
    with VcfWriter(path) as writer:
        writer.write_header(HEADER)
    assert path.read_bytes() == b"".join(HEADER)


@pytest.mark.parametrize("old", [b"", b"##fileformat=VCFv4.1\n", b"#CHROM\tPOS", b"\xef\xbb\xbf##x=1\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_vcf_or_an_empty_file_is_replaced(tmp_path: Path, old: bytes, packed: bool):
    path = tmp_path / "out.vcf"
    path.write_bytes(gzip.compress(old) if packed else old)
    with VcfWriter(path) as writer:
        writer.write_header(HEADER)
    assert path.read_bytes() == b"".join(HEADER)


def test_what_cannot_be_resumed(tmp_path: Path):
    with pytest.raises(InputError, match=r"out.vcf.partial does not exist; wanted one to resume; start again"):
        VcfWriter(tmp_path / "out.vcf", resume_at=0)
    (tmp_path / "out.vcf.partial").write_bytes(b"12345")
    with pytest.raises(InputError, match=r"out.vcf.partial holds 5 bytes; wanted 6 or more to resume; start again"):
        VcfWriter(tmp_path / "out.vcf", resume_at=6)
    (tmp_path / "dir.vcf.partial").mkdir()
    with pytest.raises(OutputError, match=r"dir.vcf.partial cannot be written to \(Is a directory\); start again"):
        VcfWriter(tmp_path / "dir.vcf", resume_at=6)
    with pytest.raises(OutputError, match=r"- cannot be resumed, because it is not a file; start again"):
        VcfWriter("-", resume_at=6)


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", ["out.vcf", "out.vcf.gz"])
def test_a_full_disk_keeps_the_partial_file(tmp_path: Path, records, name: str):
    many = records(*(record_line(info=noise(9_000)) for _ in range(20)))
    with file_size_limit(50_000), pytest.raises(OSError) as caught:
        write(tmp_path / name, many)
    assert caught.value.errno == errno.EFBIG and caught.value.filename == str(tmp_path / f"{name}.partial")
    assert (tmp_path / f"{name}.partial").stat().st_size == 50_000 and not (tmp_path / name).exists()


def test_a_device_that_is_full(records):
    with pytest.raises(OSError) as caught:
        write(Path("/dev/full"), records(*SORTED))
    assert caught.value.errno == errno.ENOSPC and caught.value.filename == "/dev/full"
    assert not Path("/dev/full.partial").exists()


def test_bytes_that_do_not_reach_the_disk_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    writer = VcfWriter(tmp_path / "out.vcf.gz")
    writer.write_header(HEADER)
    monkeypatch.setattr(partial_file.os, "write", lambda _, data: len(data))
    with pytest.raises(OSError, match=r"differs on the disk from what was written; .*out.vcf.gz.partial"):
        writer.finish()
    writer.close()
    assert not (tmp_path / "out.vcf.gz").exists()


def test_standard_output_is_plain(records, capfdbinary: pytest.CaptureFixture[bytes]):
    with VcfWriter("-") as writer:
        writer.write_header(HEADER)
        for record in records(*SORTED):
            writer.write(record)
        assert writer.flush() == len(vcf_text(*SORTED))
    assert capfdbinary.readouterr().out == vcf_text(*SORTED)


def test_a_reader_that_has_left():
    reading, writing = os.pipe()
    os.close(reading)
    before = os.dup(1)
    os.dup2(writing, 1)
    try:
        with VcfWriter("-") as writer:
            writer.write_header(HEADER)
            with pytest.raises(BrokenPipeError):
                writer.flush()
    finally:
        os.dup2(before, 1)
        os.close(writing)
        os.close(before)


@pytest.mark.parametrize("name", ["/dev/fd/{}", "/proc/self/fd/{}"])
def test_a_descriptor_that_is_open_is_written_to_where_it_stands(tmp_path: Path, name: str):
    with (tmp_path / "kept.vcf").open("wb") as file:
        file.write(b"kept\n")
        file.flush()
        with VcfWriter(name.format(file.fileno())) as writer:
            writer.write_header(HEADER)
    assert (tmp_path / "kept.vcf").read_bytes() == b"kept\n" + b"".join(HEADER)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.vcf"]


@pytest.mark.parametrize(
    ("path", "descriptor"),
    [("-", 1), ("/dev/stdout", 1), ("/dev/stderr", 2), ("/dev/fd/63", 63), ("/dev/null", None), ("x", None)],
)
def test_names_of_open_files(path: str, descriptor: int | None):
    assert open_descriptor(path) == descriptor
