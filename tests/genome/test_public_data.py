"""Public genomes and variants, from a server of this machine: left as bgzip, checked again, and never fetched twice."""

import gzip
import hashlib
import importlib.machinery
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.errors import InputError, SettingsError
from genolong.genome import public_data
from genolong.genome.fasta import Genome
from genolong.genome.files import fetched
from genolong.genome.public_data import as_bgzip, by_contig, get_public
from tests.builders.file_server import Served, serving
from tests.builders.genomes import random_letters
from tests.builders.vcfs import record_line, vcf_text

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "download"
CONTIGS = {"chrI": 811, "chrII_random": 401, "chrM": 83}
FASTA, MAIN = (
    "".join(f">{name} of yeast\n{random_letters(CONTIGS[name], seed=1)}\n" for name in names).encode()
    for names in (CONTIGS, ("chrI", "chrM"))
)


def sums(**files: bytes) -> bytes:
    return "".join(f"{hashlib.md5(content).hexdigest()}  {name}\n" for name, content in files.items()).encode()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(fetched, "WAITS_S", (0.0, 0.0))
    packed = gzip.compress(FASTA)
    lines = [
        record_line("17", at, "A", "C", f"CLNSIG=Behçet_{at}")
        for at in (43_044_294, 43_044_295, 43_125_364, 43_125_365)
    ]
    plain = tmp_path / "clinvar.vcf"
    plain.write_bytes(vcf_text(*lines))
    pysam.tabix_compress(str(plain), f"{plain}.gz")
    vcf = Path(f"{plain}.gz").read_bytes()
    with serving(
        {
            "sacCer3/sacCer3.fa.gz": packed, "sacCer3/md5sum.txt": sums(**{"sacCer3.fa.gz": packed, "x": b""}),
            "clinvar.vcf.gz": vcf, "clinvar.vcf.gz.md5": sums(**{"/panfs/clinvar_20260101.vcf.gz": vcf}),
        }
    ) as served:  # fmt: skip
        monkeypatch.setattr(public_data, "UCSC", f"{served.address}/{{build}}/")
        monkeypatch.setattr(public_data, "CLINVAR", f"{served.address}/")
        yield served


@pytest.fixture
def told() -> list[str]:
    return []


def test_a_genome_is_left_as_bgzip_that_can_be_read(server: Served, tmp_path: Path, told: list[str]):
    place = get_public("yeast", tmp_path / "data", told.append)
    assert place == tmp_path / "data" / "yeast" / "sacCer3.fa.gz" and gzip.decompress(place.read_bytes()) == MAIN
    genome = Genome.open([place], str(tmp_path / "cache"))
    assert not genome.notes, "no copy is wanted of it"
    assert genome.lengths == {"chrI": 811, "chrM": 83}
    assert sorted(path.name for path in place.parent.iterdir()) == ["origins.json", "sacCer3.fa.gz"]
    about = json.loads((place.parent / "origins.json").read_text())["sacCer3.fa.gz"]
    assert about["from"] == f"{server.address}/sacCer3/sacCer3.fa.gz"
    assert about["sha256"] == hashlib.sha256(place.read_bytes()).hexdigest()
    assert told == [
        f"{place}: 894 bases of 2 contigs",
        f"{place}: left out 1 alternate or unplaced contig, 401 bases (chrII_random)",
    ]


def test_it_is_fetched_once(server: Served, tmp_path: Path, told: list[str]):
    place = get_public("yeast", tmp_path / "data", told.append)
    asked = len(server.asked)
    assert get_public("yeast", tmp_path / "data", told.append) == place and len(server.asked) == asked
    assert told[-1].startswith(f"{place}: was already fetched at 2")
    place.write_bytes(b"changed")
    with pytest.raises(InputError, match=r"has changed since it was fetched; move it away"):
        get_public("yeast", tmp_path / "data", told.append)
    (place.parent / "origins.json").unlink()
    with pytest.raises(InputError, match=r"exists, but was not fetched by this command; name another folder"):
        get_public("yeast", tmp_path / "data", told.append)
    (place.parent / "origins.json").write_text("{")
    with pytest.raises(InputError, match=r"origins.json: cannot be read"):
        get_public("yeast", tmp_path / "data", told.append)


def test_what_came_is_not_fetched_again_where_it_was_not_written_as_bgzip(
    server: Served, tmp_path: Path, told: list[str]
):
    place = tmp_path / "data" / "yeast" / "sacCer3.fa.gz"
    place.parent.mkdir(parents=True)
    place.with_name("sacCer3.fa.gz.fetched").write_bytes(gzip.compress(FASTA))
    get_public("yeast", tmp_path / "data", told.append)
    assert server.asked == [] and gzip.decompress(place.read_bytes()) == MAIN


def test_a_damaged_file_is_named(tmp_path: Path):
    (tmp_path / "x.gzip").write_bytes(gzip.compress(FASTA)[:-9])
    with pytest.raises(InputError, match=r"x.gzip: is damaged \(.*\); remove it to fetch it again"):
        as_bgzip(tmp_path / "x.gzip", [].append, lambda _: True)


def test_a_damaged_file_leaves_nothing_else(server: Served, tmp_path: Path, told: list[str]):
    damaged = tmp_path / "data" / "yeast" / "sacCer3.fa.gz.fetched"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(gzip.compress(FASTA)[:-9])
    with pytest.raises(InputError, match="is damaged"):
        get_public("yeast", tmp_path / "data", told.append)
    assert [*damaged.parent.iterdir()] == [damaged]


@pytest.mark.parametrize("name", ["yeast", "clinvar", "brca1"])
def test_stopped_at_any_moment_the_same_command_goes_on(
    server: Served, tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch, name: str
):
    """Also while the sha256 is taken of what has come, which of a large genome takes a while."""

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(public_data, "sha256_of", stopped)
        with pytest.raises(KeyboardInterrupt):
            get_public(name, tmp_path / "data", told.append)
    place = get_public(name, tmp_path / "data", told.append)
    assert get_public(name, tmp_path / "data", told.append) == place and "was already fetched" in told[-1]
    assert not [*(tmp_path / "data").rglob("*.partial")] and not [*(tmp_path / "data").rglob("*.fetched")]


def test_a_full_disk_is_told_and_nothing_cut_gets_its_name(
    server: Served, tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(public_data.BlockedOutput, "flush", full)
        with pytest.raises(OSError, match="No space left"):
            get_public("yeast", tmp_path / "data", told.append)
    assert [path.name for path in (tmp_path / "data" / "yeast").iterdir()] == ["sacCer3.fa.gz.fetched"]
    assert get_public("yeast", tmp_path / "data", told.append).is_file()


def test_other_bytes_than_the_host_says_leave_nothing(server: Served, tmp_path: Path, told: list[str]):
    server.files["sacCer3/md5sum.txt"] = sums(**{"sacCer3.fa.gz": b"other", "more": b""})
    with pytest.raises(InputError, match="the download has the md5"):
        get_public("yeast", tmp_path / "data", told.append)
    assert list((tmp_path / "data" / "yeast").iterdir()) == []


@given(
    st.lists(st.tuples(st.text("abc>", min_size=1), st.text("ACGTN\n\r"), st.sampled_from(["", " >said"])), max_size=5),
    st.integers(1, 9), st.sampled_from(["", "\n", "\n\n"]),
)  # fmt: skip
def test_a_text_falls_into_its_contigs_wherever_it_is_cut(contigs: list[tuple[str, str, str]], size: int, end: str):
    records = [f">{at}{name}{more}\n{letters}" for at, (name, letters, more) in enumerate(contigs)]
    text = ("\n".join(records) + end).encode()
    found: dict[str, bytes] = {}
    for name, part in by_contig(text[at : at + size] for at in range(0, len(text), size)):
        found[name] = found.get(name, b"") + part
    assert b"".join(found.values()) == text, "nothing is lost"
    names = [f"{at}{name}" for at, (name, _, _) in enumerate(contigs)]
    assert [name for name in found if name] == names
    for name, record in zip(names, records, strict=True):
        assert found[name].rstrip(b"\n") == record.encode().rstrip(b"\n")


def test_a_text_may_end_within_a_name_line():
    assert list(by_contig([b">a\nAC\n>b sa", b"id"])) == [("a", b">a\n"), ("a", b"AC\n"), ("b", b">b said")]
    assert list(by_contig([b">"])) == [("", b">")]


def test_brca1_is_cut_out_of_clinvar_byte_for_byte(server: Served, tmp_path: Path, told: list[str]):
    place = get_public("brca1", tmp_path / "data", told.append)
    whole = gzip.decompress((tmp_path / "data" / "clinvar" / "clinvar.vcf.gz").read_bytes()).splitlines()
    kept = gzip.decompress(place.read_bytes()).splitlines()
    assert kept == [*whole[:-4], *whole[-3:-1]], "the header, and what lies in the gene"
    assert told[-1] == f"{place}: 2 records"
    for vcf in (place, tmp_path / "data" / "clinvar" / "clinvar.vcf.gz"):
        index = Path(f"{vcf}.tbi")
        assert index.stat().st_mtime >= vcf.stat().st_mtime, "or every tool warns that it is older"
        assert {path.name for path in vcf.parent.iterdir()} == {vcf.name, index.name, "origins.json"}
    assert get_public("clinvar", tmp_path / "data", told.append).is_file() and "was already fetched" in told[-1]


def test_a_name_that_is_not_known_is_answered_with_the_nearest(tmp_path: Path, told: list[str]):
    with pytest.raises(SettingsError, match=r"hg83: is not known; wanted one of yeast, .*; did you mean hg38\?"):
        get_public("hg83", tmp_path, told.append)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("download", str(SCRIPT))
    spec = importlib.util.spec_from_loader("download", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    dont, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    loader.exec_module(module)
    sys.dont_write_bytecode = dont
    return module


@pytest.mark.parametrize(
    ("name", "change", "code", "line"),
    [
        ("yeast", {}, 0, "sacCer3.fa.gz: left out 1 alternate or unplaced contig, "),
        ("yest", {}, 64, "download: error: yest: is not known; wanted one of yeast, "),
        ("celegans", {}, 66, "/ce11/md5sum.txt: the host answers 404 Not Found"),
        ("yeast", {"failures": [503] * 9}, 75, "/sacCer3/md5sum.txt: cannot be reached (Service Unavailable); "),
    ],
)  # fmt: skip
def test_the_script_says_one_line_and_its_code(
    script: ModuleType, server: Served, tmp_path: Path, monkeypatch, capsys, name: str, change: dict, code: int,
    line: str,
):  # fmt: skip
    for key, value in change.items():
        setattr(server, key, value)
    monkeypatch.setattr(sys, "argv", ["download", "--folder", str(tmp_path / "data"), name])
    assert script.main() == code
    out, err = capsys.readouterr()
    assert out == "" and line in err.splitlines()[-1]


def test_the_script_is_interrupted_in_one_line(script: ModuleType, monkeypatch, capsys, tmp_path: Path):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(script, "get_public", interrupted)
    monkeypatch.setattr(sys, "argv", ["download", "--folder", str(tmp_path), "yeast"])
    assert script.main() == 130
    assert capsys.readouterr().err == "download: error: interrupted; run the same command again to continue\n"


def test_the_scripts_help_names_all_there_is(script: ModuleType, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["download", "--help"])
    with pytest.raises(SystemExit):
        script.main()
    shown = capsys.readouterr().out
    assert all(f"\n  {name} " in shown for name in public_data.PUBLIC) and len(shown.splitlines()) <= 40
