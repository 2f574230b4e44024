"""A name that is not there is answered with those nearest to it: settings, contigs, files, folders."""

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.commands.reading.stored_model import stored_model
from genolong.errors import InputError, MissingInputError
from genolong.genome.files.pinned_file import PinnedFile
from genolong.genome.regions import read_bed
from genolong.genome.synonyms import read_synonyms
from genolong.genome.vcf import VcfReader
from genolong.nearest import near_names, nearest, nearest_field, nearest_path, nearest_run, nearest_setting
from genolong.runs.checkpoint import load_weights
from genolong.runs.record import read_record


@given(st.text(string.ascii_letters, min_size=4), st.sets(st.text(string.digits), max_size=5), st.data())
def test_a_name_with_one_letter_wrong_is_found_among_others(name: str, others: set[str], data: st.DataObject):
    at = data.draw(st.integers(0, len(name) - 1))
    typed = data.draw(
        st.sampled_from([name[:at] + name[at + 1 :], name[:at] + "_" + name[at:], name[:at] + "_" + name[at + 1 :]])
    )
    assert near_names(typed, [*others, name]) == [name]


@given(st.text(), st.lists(st.text(), max_size=7))
def test_only_what_is_known_is_offered_and_nothing_for_what_is_there(name: str, known: list[str]):
    assert set(near_names(name, known)) <= set(known)
    assert near_names(name, [*known, name]) == []


def test_case_is_not_what_a_name_differs_by():
    assert nearest("clnsig", ["AF", "CLNSIG"]) == "; did you mean CLNSIG?"
    assert nearest("CHRX", ["chr1", "chrX"], most=1) == "; did you mean chrX?"
    assert nearest("q", ["chr1"]) == ""


def test_a_setting_of_the_same_group_is_offered_alone_and_nothing_where_nothing_is_near():
    known = ["model.width", "model.heads", "context.window_bp", "trainer.max_steps"]
    assert nearest_setting("model.with", known) == "; did you mean model.width?"
    assert nearest_setting("trainer.max_step", known) == "; did you mean trainer.max_steps?"
    assert nearest_setting("max_steps", known) == "; did you mean trainer.max_steps?"
    assert nearest_setting("data.heads", [*known, "task.heads"]) == "; did you mean model.heads or task.heads?"
    of_one_group = ["trainer.max_stops", "trainer.max_steps", "trainer.max_stage"]
    assert nearest_setting("trainer.max_stop", of_one_group) == "; did you mean trainer.max_stops?"
    of_others = ["context.windows", "contexts.windows", "contex.windows"]
    assert nearest_setting("contxt.window", of_others) == "; did you mean context.windows or contexts.windows?"
    anywhere = [f"{group}.heads" for group in "abcd"]
    assert nearest_setting("heads", anywhere) == "; did you mean a.heads or b.heads or c.heads?"
    assert nearest_setting("zzz", known) == ""
    assert nearest_setting("model.width", known) == ""


def test_of_fields_those_declared_are_named_where_none_is_near():
    declared = {f"FIELD_{letter}": "String" for letter in "ABCDEFGHIJKLMNO"}
    assert nearest_field("CLNSG", {"AF": "Float", "CLNSIG": "String"}) == "; did you mean CLNSIG?"
    assert nearest_field("AF", {"AF": "Float"}) == "; the header declares it, but no record fills it"
    assert nearest_field("zz", declared) == f"; the header declares {', '.join(list(declared)[:12])}"
    assert nearest_field("zz", {}) == ""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("genome.fa", "calls.vcf", "peaks.bed", "synonyms.tsv", "runs/quickstart/latest/record.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_of_a_folder_of_runs_the_newest_is_offered(home: Path):
    runs = Path("runs/quickstart")
    assert nearest_run(runs) == "; did you mean runs/quickstart/latest?" and nearest_run(Path("runs")) == ""
    with pytest.raises(InputError, match=r"model=runs/quickstart: .*; did you mean runs/quickstart/latest\?$"):
        stored_model("runs/quickstart")
    with pytest.raises(MissingInputError, match=r"no such record; .*; did you mean runs/quickstart/latest\?$"):
        read_record(runs / "record.json")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("genme.fa", "genome.fa"),
        ("./genome.fasta", "genome.fa"),
        ("runs/quikstart/latest", "runs/quickstart/latest"),
        ("run/quickstart/latest", "runs/quickstart/latest"),
        ("runs/quikstart/oldest", "runs/quickstart"),
        ("runs/quickstart/last", "runs/quickstart/latest"),
    ],
)
def test_of_a_path_the_first_part_that_is_not_there_is_mended(home: Path, typed: str, told: str):
    assert nearest_path(typed) == f"; did you mean {told}?"
    assert nearest_path(home / typed) == f"; did you mean {home / told}?"


def test_where_nothing_is_near_or_nothing_can_be_listed_nothing_is_said(home: Path):
    assert nearest_path("zzz") == nearest_path("genome.fa/x") == nearest_path(home / "qqq" / "x") == ""


@pytest.mark.parametrize(
    ("read", "typed", "told"),
    [
        (lambda path: PinnedFile.pin(Path(path)), "genme.fa", "genome.fa"),
        (lambda path: VcfReader(path).__enter__(), "cals.vcf", "calls.vcf"),
        (lambda path: read_bed(path, {"one": 9}), "peeks.bed", "peaks.bed"),
        (lambda path: read_synonyms(path, []), "synonym.tsv", "synonyms.tsv"),
        (lambda path: read_record(Path(path)), "runs/quikstart/record.json", "runs/quickstart"),
        (lambda path: load_weights(Path(path)), "runs/quickstart/lates", "runs/quickstart/latest"),
    ],
)  # fmt: skip
def test_whatever_reads_a_file_names_the_nearest(home: Path, read, typed: str, told: str):
    with pytest.raises(MissingInputError) as caught:
        read(typed)
    assert str(caught.value).endswith(f"; did you mean {told}?")
    assert "\n" not in str(caught.value)


def test_a_contig_of_a_bed_file_is_answered_with_the_nearest(home: Path):
    (home / "peaks.bed").write_text("CHR_1\t0\t7\n")
    with pytest.raises(InputError, match=r"the genome has no contig CHR_1; did you mean chr1\?"):
        read_bed("peaks.bed", {"chr1": 9})
