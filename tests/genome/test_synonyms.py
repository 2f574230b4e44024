"""Every name of a file of synonyms means the contig that its lines say; what would confuse two contigs is refused."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genolong.errors import InputError, MissingInputError
from genolong.genome.coordinates import match_contig
from genolong.genome.synonyms import read_synonyms

CONTIGS = ["chr1", "2", "chrM"]
ALL = ["chr1", "1", "2", "chr2", "MT", "NC_1", "NC_2", "one", "two", "mito", "na"]


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "names.txt"
    path.write_bytes(content)
    return path


def test_columns_are_in_any_order_and_of_any_number(tmp_path: Path):
    path = written(
        tmp_path,
        b"\xef\xbb\xbf# refseq\tgenbank\tucsc\r\nNC_1\tCM_1\tchr1\r\n\r\nchr2 NC_2 # and more\nMT NC_M\nnowhere else\n",
    )
    assert read_synonyms(path, CONTIGS) == {
        "NC_1": "chr1", "CM_1": "chr1", "chr1": "chr1", "chr2": "2", "NC_2": "2", "MT": "chrM", "NC_M": "chrM",
    }  # fmt: skip


def test_names_of_pangenomes_hold_what_begins_comments_elsewhere(tmp_path: Path):
    path = written(tmp_path, b"chr1 HG002#1#chr1\t#of one haplotype\n  # of the other\nHG002#1#chr2\tchr2\n")
    assert read_synonyms(path, CONTIGS) == {
        "chr1": "chr1", "HG002#1#chr1": "chr1", "HG002#1#chr2": "2", "chr2": "2",
    }  # fmt: skip


def test_a_contig_has_several_synonyms_in_several_lines_also_by_way_of_others(tmp_path: Path):
    path = written(tmp_path, b"a b\nc d\nd e\nchr1 b\n1 f\na c\nb a\n")
    assert read_synonyms(path, CONTIGS) == dict.fromkeys(["a", "b", "c", "d", "e", "f", "1", "chr1"], "chr1")


def slow(lines: list[list[str]]) -> dict[str, set[str]]:
    """The contigs that each name means: what can be reached from it through lines that share a name."""
    reached = {}
    for start in {name for line in lines for name in line}:
        names, before = {start}, set()
        while names != before:
            before = set(names)
            names.update(*(line for line in lines if names & set(line)))
        reached[start] = {contig for name in names if (contig := match_contig(name, CONTIGS)) is not None}
    return reached


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(st.lists(st.lists(st.sampled_from(ALL), min_size=2, max_size=4), max_size=7))
def test_names_are_those_that_lines_lead_to(tmp_path: Path, lines: list[list[str]]):
    path = written(tmp_path, "".join(" ".join(line) + "\n" for line in lines).encode())
    meant = slow(lines)
    if max(map(len, meant.values()), default=0) > 1:
        wrong = next(at for at in range(1, len(lines) + 1) if any(len(each) > 1 for each in slow(lines[:at]).values()))
        with pytest.raises(InputError, match=rf"names.txt, line {wrong}: .* would make .* and .* of the genome"):
            read_synonyms(path, CONTIGS)
    else:
        wanted = {name: next(iter(contigs)) for name, contigs in meant.items() if contigs}
        assert read_synonyms(path, CONTIGS) == wanted


def test_a_hundred_thousand_names_of_one_contig_take_no_longer_than_they_should(tmp_path: Path):
    """Each line joins one name to a large group; if it copied the group, this would take minutes."""
    path = written(tmp_path, "".join(f"n{number} n{number + 1}\n" for number in range(100_000)).encode())
    assert read_synonyms(path, CONTIGS) == {}


@pytest.mark.parametrize(("content", "words"), [
    (b"chr1 a\none\n", ", line 2: only one; wanted two or more names of the same contig"),
    (b"chr1 2\n", ", line 1: chr1 2: would make chr1 and 2 of the genome the same contig; wanted only names of one "
     "contig in a line"),
    (b"chr1 NC_1 na\n\nchr2 NC_2 na\n", ", line 3: chr2 NC_2 na: would make 2 and chr1 of the genome the same contig; "
     "wanted only names of one contig in a line"),
    (b"\xff\xfe\xff", " is not a text file; wanted the names of a contig in every line"),
])  # fmt: skip
def test_what_is_no_file_of_synonyms_is_refused(tmp_path: Path, content: bytes, words: str):
    path = written(tmp_path, content)
    with pytest.raises(InputError) as refusal:
        read_synonyms(path, CONTIGS)
    assert str(refusal.value) == f"{path}{words}"


def test_synonyms_that_are_not_there(tmp_path: Path):
    with pytest.raises(MissingInputError) as refusal:
        read_synonyms(tmp_path / "names.txt", CONTIGS)
    assert str(refusal.value) == f"{tmp_path}/names.txt does not exist; wanted a file of synonyms; check its spelling"
    (tmp_path / "folder").mkdir()
    with pytest.raises(MissingInputError, match=r"folder cannot be read \(Is a directory\); wanted a file of synonyms"):
        read_synonyms(tmp_path / "folder", CONTIGS)
