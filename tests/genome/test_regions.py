"""BED files line by line, and what intervals cover, share and leave, base by base."""

import gzip
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.errors import InputError, MissingInputError
from genolong.genome import regions
from genolong.genome.coordinates import Interval
from genolong.genome.regions import NamedRegion, first_overlap, merge, read_bed, read_named_bed, subtract
from tests.builders.genomes import END_BLOCK, bgzip

LENGTHS = {"chr1": 1000, "chr2": 500, "MT": 17}

intervals = st.lists(
    st.builds(
        lambda contig, start, length: Interval(contig, start, start + length),
        st.sampled_from("abc"),
        st.integers(0, 40),
        st.integers(1, 13),
    ),
    max_size=7,
)


def bases(covered: list[Interval]) -> set[tuple[str, int]]:
    return {(interval.contig, at) for interval in covered for at in range(interval.start, interval.end)}


def apart(found: list[Interval]) -> bool:
    """Sorted, and no two of them touch."""
    return all((a.contig, a.end) < (b.contig, b.start) for a, b in pairwise(found))


@given(intervals)
def test_merge_covers_the_same(given_intervals):
    merged = merge(given_intervals)
    assert bases(merged) == bases(given_intervals)
    assert apart(merged)


@given(intervals, intervals)
def test_subtract_leaves_the_rest(one, other):
    left = subtract(one, other)
    assert bases(left) == bases(one) - bases(other)
    assert apart(left)


@given(intervals, intervals)
def test_first_overlap_is_one_when_there_is_one(one, other):
    found = first_overlap(one, other)
    assert (found is not None) == bool(bases(one) & bases(other))
    if found:
        assert found[0] in one
        assert found[1] in other
        assert found[0].overlaps(found[1])


def test_first_overlap_of_many_is_quick():
    one = [Interval("a", at, at + 10) for at in range(0, 400_000, 20)]
    assert first_overlap(one, [Interval("a", at + 10, at + 20) for at in range(0, 400_000, 20)]) is None


def read(tmp_path: Path, content: bytes, name: str = "regions.bed") -> list[Interval]:
    (tmp_path / name).write_bytes(content)
    return read_bed(tmp_path / name, LENGTHS)


TEXT = b"chr2\t0\t500\tname\t0\t+\nchr1\t5\t7\n"
REGIONS = [Interval("chr2", 0, 500), Interval("chr1", 5, 7)]


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        TEXT.replace(b"\n", b"\r\n"),
        TEXT.replace(b"\n", b"\r"),
        TEXT.rstrip(),
        b"\xef\xbb\xbf" + TEXT,
        b'browser position chr1\ntrack name="x"\n# comment\n\n  \n' + TEXT,
        TEXT.replace(b"\t", b"  "),
        TEXT.replace(b"chr", b""),
        gzip.compress(TEXT, mtime=0),
        bgzip(TEXT, block=7),
    ],
)
def test_accepted(tmp_path: Path, content):
    assert read(tmp_path, content) == REGIONS


def test_the_mitochondrion_by_another_name(tmp_path: Path):
    assert read(tmp_path, b"chrM\t0\t17\n") == [Interval("MT", 0, 17)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"chr1\t5", "regions.bed, line 2: 2 columns; wanted contig, start and end"),
        (b"chr1\t5\t7.5", "regions.bed, line 2: start 5 and end 7.5; wanted two whole numbers"),
        (b"chr1\t1_0\t20", "start 1_0 and end 20; wanted two whole numbers"),
        (
            b"chr1\tstart\tend",
            "start start and end end; wanted two whole numbers; a line of column names begins with #",
        ),
        (
            b"chrom\tstart\tend",
            "start start and end end; wanted two whole numbers; a line of column names begins with #",
        ),
        (
            b"chr1\tRefSeq\tgene\t5\t17\t.\t+\t.\tID=x",
            "regions.bed, line 2: looks like GFF or GTF; wanted BED, as made by awk -v OFS='\\t' "
            "'!/^#/ {print $1, $4 - 1, $5}'",
        ),
        (b"chr1\t7\t7", "regions.bed, line 2: start 7 is not below end 7; wanted the start first"),
        (b"chr1\t-1\t7", "regions.bed, line 2: start -1 is negative; wanted 0 or more (BED counts from 0)"),
        (
            b"chr1\t0\t1001",
            "line 2: end 1,001 lies beyond chr1, which has 1,000 bases; is it from another build of the genome?",
        ),
        (b"chr3\t0\t7", "regions.bed, line 2: the genome has no contig chr3; did you mean chr2 or chr1?"),
        (b"plasmid\t0\t7", "regions.bed, line 2: the genome has no contig plasmid; it begins with chr1, chr2, MT"),
    ],
)
def test_refused_lines(tmp_path: Path, line, message):
    with pytest.raises(InputError) as caught:
        read(tmp_path, b"chr1\t0\t5\n" + line + b"\n")
    assert message in str(caught.value)
    assert caught.value.exit_code == 65


def test_a_line_without_an_end(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(regions, "_LONGEST_LINE", 12)
    assert len(read(tmp_path, b"chr1\t0\t123\nchr2\t0\t5\n")) == 2
    with pytest.raises(InputError, match=r"regions.bed has a line longer than 12 characters; wanted a BED file$"):
        read(tmp_path, b"chr1\t0\t5\nchr1\t100\t200\n")


@pytest.mark.parametrize("content", [b"", b"\n# none\n"])
def test_no_region(tmp_path: Path, content):
    with pytest.raises(
        InputError, match=r"holds no region; wanted lines of contig, start and end; is it the right file"
    ):
        read(tmp_path, content)


def test_missing(tmp_path: Path):
    with pytest.raises(MissingInputError, match=r"none.bed does not exist; wanted a BED file; check its spelling"):
        read_bed(tmp_path / "none.bed", LENGTHS)


def test_folder(tmp_path: Path):
    with pytest.raises(MissingInputError, match=r"cannot be read \(Is a directory\); wanted a BED file"):
        read_bed(tmp_path, LENGTHS)


@pytest.mark.parametrize(
    "content", [gzip.compress(TEXT, mtime=0)[:-9], gzip.compress(TEXT, mtime=0)[:-4] + b"\1\1\1\1"]
)
def test_cut_or_corrupt_gzip(tmp_path: Path, content):
    with pytest.raises(InputError, match=r"compressed content is cut or corrupt .* download or copy it again"):
        read(tmp_path, content)


def test_bgzip_without_its_end(tmp_path: Path):
    with pytest.raises(InputError, match="no end block"):
        read(tmp_path, bgzip(TEXT)[: -len(END_BLOCK)])


def test_no_text(tmp_path: Path):
    with pytest.raises(InputError, match=r"is not a text file; wanted a BED file, plain or gzip; is it the right file"):
        read(tmp_path, b"\x89PNG\xff\xfe")


def test_names_and_strands_are_read(tmp_path: Path):
    path = tmp_path / "a.bed"
    path.write_text("track name=x\nchr1\t5\t9\tmy gene\t0\t-\n1 7 8\nchr2\t0\t3\t.\t7\t.\textra\nchr2 1 2 b 0 +\n")
    assert read_named_bed(path, {"chr1": 11, "chr2": 5}) == [
        NamedRegion("my gene", Interval("chr1", 5, 9), "-", f"{path}, line 2"),
        NamedRegion("chr1:8-8", Interval("chr1", 7, 8), ".", f"{path}, line 3"),
        NamedRegion("chr2:1-3", Interval("chr2", 0, 3), ".", f"{path}, line 4"),
        NamedRegion("b", Interval("chr2", 1, 2), "+", f"{path}, line 5"),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("chr1\t5\t9\ta\t0\tx\n", "a.bed, line 1: strand x; wanted [+], - or . in column 6"),
        ("chr1\t5\n", "a.bed, line 1: 2 columns; wanted contig, start and end"),
        ("# none\n", "a.bed holds no region; wanted lines of contig, start and end"),
    ],
)
def test_what_has_no_name_and_strand_is_refused(tmp_path: Path, text: str, line: str):
    path = tmp_path / "a.bed"
    path.write_text(text)
    with pytest.raises(InputError, match=line):
        read_named_bed(tmp_path / "a.bed", {"chr1": 11})
