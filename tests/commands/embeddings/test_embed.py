"""embed: a row a place, with the states that the model gives there; names go along, and nothing is left out untold."""

import json
import logging
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir

import genolong
from genolong.commands import arrow_file
from genolong.commands.embeddings import embedding_rows
from genolong.commands.embeddings.embed import Embedding, _serve, embed
from genolong.commands.embeddings.embed_settings import EmbedSettings
from genolong.commands.reading.trained_run import TrainedRun, open_run
from genolong.commands.repeating.reproduce import reproduce
from genolong.errors import InputError, OutputError, RefusedRecordError, SettingsError
from genolong.genome.files.hashed import sha256_of
from genolong.genome.files.partial_file import PartialFile
from genolong.long_work import Follow, watched_by
from genolong.runs import kept_blocks
from genolong.runs.record import read_record
from genolong.settings import CONF, check
from tests.builders.genomes import random_letters, write_fasta
from tests.builders.idle_team import IdleTeam
from tests.builders.saved_runs import save_run
from tests.builders.vcfs import record_line, vcf_text
from tests.builders.watchers import Stop, StopAt
from tests.commands.repeating.test_reproduce import asked

parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow, which comes with genolong[parquet]")

CONTIGS = {"chr1": random_letters(150, 1) + "N" * 9 + random_letters(142, 2), "chr2": random_letters(103, 3)}
OTHER = {"A": "C", "C": "G", "G": "T", "T": "A"}
WINDOW, WIDTH = 61, 8
BED = (
    "chr1\t60\t67\tpeak one\t7\t+\nchr1\t0\t13\tedge\t0\t-\nchr2\t40\t41\nchr1\t140\t171\tgap\n"
    f"2\t30\t{30 + WINDOW}\twhole\t0\t.\n"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A genome, a run, a BED file and a VCF."""
    folder = tmp_path_factory.mktemp("embed")
    save_run(folder / "run", write_fasta(folder, CONTIGS), WINDOW, folder / "cache")
    (folder / "in.bed").write_text(BED)
    (folder / "in.vcf").write_bytes(vcf_text(
        record_line("chr1", 60, base(60), OTHER[base(60)]).replace(b"\t60\t.\t", b"\t60\trs7\t"),
        record_line("1", 70, base(70, 4), f"{base(70)},{base(70, 4)}TT,<DEL>"),
        record_line("chr1", 80, OTHER[base(80)], base(80)), record_line("chr9", 7, "A", "C"),
        record_line("chr1", "x", "A", "C"), record_line("chr1", 90, base(90), base(90) + "A" * 21),
    ))  # fmt: skip
    return folder


def base(pos: int, length: int = 1) -> str:
    return CONTIGS["chr1"][pos - 1 : pos - 1 + length]


def settings(home: Path, folder: Path, *overrides: str, source: str = "regions") -> EmbedSettings:
    given = "".join(overrides)
    own = {"regions": f"regions={home / 'in.bed'}", "vcf": f"vcf={home / 'in.vcf'}", "none": ""}[source]
    output = [] if "output=" in given else [f"output={folder / 'x.parquet'}"]
    fixed = [f"model={home / 'run'}", "longest_allele=20", "trainer.accelerator=cpu"]
    with initialize_config_dir(str((CONF / "trained").resolve()), version_base="1.3"):
        return check(compose("embed", [*fixed, *([own] if own else []), *output, *overrides]), EmbedSettings)


@pytest.fixture
def go(home: Path, tmp_path: Path) -> Callable[..., Embedding]:
    def run(*overrides: str, source: str = "regions", watcher: Follow | None = None) -> Embedding:
        with watched_by(watcher) if watcher else nullcontext():
            done = embed(settings(home, tmp_path, *overrides, source=source))
        assert done is not None
        return done

    return run


def test_every_process_says_which_weights_it_opened(home: Path, tmp_path: Path):
    team = IdleTeam()
    _serve(team, settings(home, tmp_path))
    assert team.model == open_run(str(home / "run")).weights_sha256


def table(path: Path) -> dict[str, list[Any]]:
    return parquet.read_table(path).to_pydict()


def states_of(home: Path, contig: str, start: int, end: int, layer: int | None = None) -> np.ndarray:
    """What a notebook has of the window around the bases start ... end - 1."""
    first = start - (WINDOW - (end - start)) // 2
    letters = CONTIGS[contig]
    window = "".join(letters[at] if 0 <= at < len(letters) else "N" for at in range(first, first + WINDOW))
    model = genolong.load(home / "run", "cpu")
    return model.embed(window, layer, both_strands=True)[start - first : end - first]


PLACES = [("chr1", 60, 67), ("chr1", 0, 13), ("chr2", 40, 41), ("chr1", 140, 171), ("chr2", 30, 30 + WINDOW)]


@pytest.mark.parametrize("layer", [0, 1, None])
def test_regions_have_the_mean_of_what_a_notebook_has(go, home: Path, tmp_path: Path, layer: int | None):
    done = go(f"layer={'null' if layer is None else layer}", "batch=3", "regions_at_once=2")
    found = table(tmp_path / "x.parquet")
    assert list(found) == ["name", "contig", "start", "end", "strand", "status", "embedding"]
    assert found["name"] == ["peak one", "edge", "chr2:41-41", "gap", "whole"]
    assert list(zip(found["contig"], found["start"], found["end"], strict=True)) == PLACES
    assert found["strand"] == ["+", "-", ".", ".", "."]
    assert found["status"] == ["ok", "edge", "ok", "n_rich", "ok"]
    wanted = [states_of(home, *place, layer).mean(0) for place in PLACES]
    np.testing.assert_allclose(np.array(found["embedding"]), wanted, rtol=1e-4, atol=1e-5)
    assert done.rows == 5 and done.notes[-3:] == (
        "embedded 5 regions",
        "  of them, 1 window reaching beyond an end of a contig, padded with N",
        "  of them, 1 window with more than a tenth N",
    )


def test_in_16_bits_states_are_nearly_the_same(go, tmp_path: Path):
    found = []
    for precision in ("32-true", "bf16-mixed"):
        go(f"precision={precision}", "resume=no")
        found.append(np.array(table(tmp_path / "x.parquet")["embedding"]))
    assert 0 < np.abs(found[0] - found[1]).max() < 0.05
    assert b'"precision": "bf16-mixed"' in b"".join(
        (parquet.read_schema(tmp_path / "x.parquet").metadata or {}).values()
    )


def test_per_base_there_is_a_row_for_each_base_of_the_forward_strand(go, home: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(embedding_rows, "BLOCK_BASES", 20)
    monkeypatch.setattr(arrow_file, "ROW_GROUP", 30)
    assert go("per=base").rows == sum(end - start for _, start, end in PLACES)
    found = table(tmp_path / "x.parquet")
    assert found["offset"] == [at for _, start, end in PLACES for at in range(end - start)]
    assert found["name"][:8] == ["peak one"] * 7 + ["edge"]
    wanted = np.concatenate([states_of(home, *place) for place in PLACES])
    np.testing.assert_allclose(np.array(found["embedding"]), wanted, rtol=1e-4, atol=1e-5)
    assert parquet.ParquetFile(tmp_path / "x.parquet").num_row_groups == 2


def test_of_a_vcf_every_allele_has_a_row_with_both_its_windows(go, home: Path, tmp_path: Path):
    done = go(source="vcf")
    found = table(tmp_path / "x.parquet")
    assert list(found) == [
        "name", "contig", "start", "end", "strand", "position", "reference", "alternate", "status", "embedding",
        "alternate_embedding",
    ]  # fmt: skip
    longer = f"{base(70, 4)}TT"
    assert found["name"] == ["rs7", f"1:70 {base(70, 4)}>{base(70)}", f"1:70 {base(70, 4)}>{longer}"]
    assert found["contig"] == ["chr1"] * 3 and found["strand"] == ["."] * 3
    assert found["position"] == [60, 70, 70]
    assert found["reference"] == [base(60), base(70, 4), base(70, 4)]
    assert found["alternate"] == [OTHER[base(60)], base(70), longer]
    for at, (start, end) in enumerate(zip(found["start"], found["end"], strict=True)):
        wanted = states_of(home, "chr1", start, end).mean(0)
        np.testing.assert_allclose(found["embedding"][at], wanted, rtol=1e-4, atol=1e-5)
        assert not np.allclose(found["alternate_embedding"][at], wanted, rtol=1e-2)
    assert (found["start"][0], found["end"][0]) == (59, 60)
    told = "\n".join(done.notes)
    assert "read 6 records with 8 alleles; embedded 3" in told
    for status in ("symbolic", "ref_mismatch", "no_contig", "malformed", "too_long"):
        assert f"\n  {status} " in told


def test_it_opens_in_pandas_with_the_names_of_regions(go, tmp_path: Path):
    pandas = pytest.importorskip("pandas")
    go()
    frame = pandas.read_parquet(tmp_path / "x.parquet").set_index("name")
    assert np.stack(frame["embedding"]).shape == (5, WIDTH) and frame.loc["edge", "end"] == 13


def test_the_column_is_a_list_of_fixed_size_and_says_where_it_comes_from(go, home: Path, tmp_path: Path):
    go()
    schema = parquet.read_schema(tmp_path / "x.parquet")
    assert str(schema.field("embedding").type).startswith("fixed_size_list<") and str(WIDTH) in str(
        schema.field("embedding").type
    )
    origin = json.loads(schema.metadata[b"genolong"])
    assert origin["strands"] == "mean of both" and origin["window_bp"] == WINDOW and origin["layer"] is None
    record = read_record(tmp_path / "x.parquet.record.json")
    assert record["output_sha256"] == sha256_of(tmp_path / "x.parquet")
    assert record["regions_sha256"] == {str(home / "in.bed"): sha256_of(home / "in.bed")}
    assert record["model_sha256"] == origin["weights_sha256"]
    assert {path.name for path in tmp_path.iterdir()} == {"x.parquet", "x.parquet.record.json"}


@pytest.mark.parametrize(("devices", "sequence"), [(2, 1), (2, 2)])
def test_several_processes_write_what_one_writes(go, tmp_path: Path, devices: int, sequence: int):
    go("regions_at_once=2")
    go("regions_at_once=2", f"trainer.devices={devices}", f"parallel.sequence={sequence}",
       f"output={tmp_path / 'two.parquet'}")  # fmt: skip
    one, two = (table(tmp_path / name) for name in ("x.parquet", "two.parquet"))
    np.testing.assert_allclose(np.array(one.pop("embedding")), np.array(two.pop("embedding")), rtol=1e-4, atol=1e-5)
    assert one == two


@pytest.mark.parametrize(("source", "per", "blocks"), [("regions", "span", 5), ("vcf", "base", 3)])
def test_stopped_anywhere_and_resumed_it_is_byte_identical(
    go, tmp_path: Path, monkeypatch, source: str, per: str, blocks: int
):  # fmt: skip
    monkeypatch.setattr(kept_blocks, "NOTED_EVERY_S", -1.0)
    options = (f"per={per}", "regions_at_once=1")
    whole = go(*options, f"output={tmp_path / 'whole.parquet'}", source=source)
    for stop in range(1, blocks + 1):
        with pytest.raises(Stop):
            go(*options, source=source, watcher=StopAt("embedding", stop))
        assert {path.name for path in tmp_path.glob("x*")} == {"x.parquet.kept.partial", "x.parquet.journal"}
        again = StopAt("embedding", 99)
        done = go(*options, source=source, watcher=again)
        assert again.done["reading what was already embedded"] == stop
        assert (done.rows, done.notes) == (whole.rows, whole.notes)
        assert (tmp_path / "x.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
        for name in ("x.parquet", "x.parquet.record.json"):
            (tmp_path / name).unlink()
        assert not [*tmp_path.glob("x*")]


def test_what_another_command_left_is_refused_and_gone_with_resume_no(go, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(kept_blocks, "NOTED_EVERY_S", -1.0)
    with pytest.raises(Stop):
        go("regions_at_once=1", watcher=StopAt("embedding", 2))
    with pytest.raises(SettingsError, match=r"x.parquet.journal: holds an unfinished result .* differs in layer;"):
        go("regions_at_once=1", "layer=0")
    with pytest.raises(SettingsError, match=r"^resume=yes: wanted auto or no$"):
        go("resume=yes")
    assert go("layer=0", "resume=no").rows == 5
    assert {path.name for path in tmp_path.iterdir()} == {"x.parquet", "x.parquet.record.json"}


def test_several_processes_go_on_with_what_one_left(go, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(kept_blocks, "NOTED_EVERY_S", -1.0)
    go("regions_at_once=1", f"output={tmp_path / 'whole.parquet'}")
    with pytest.raises(Stop):
        go("regions_at_once=1", watcher=StopAt("embedding", 2))
    go("regions_at_once=1", "trainer.devices=2")
    one, two = (table(tmp_path / name) for name in ("whole.parquet", "x.parquet"))
    np.testing.assert_allclose(np.array(one.pop("embedding")), np.array(two.pop("embedding")), rtol=1e-4, atol=1e-5)
    assert one == two


@pytest.mark.parametrize("source", ["regions", "vcf"])
@pytest.mark.parametrize("program", ["cat", "gzip", "bgzip"])
def test_a_pipe_gives_the_same_table_without_a_record(go, home: Path, tmp_path: Path, source: str, program: str):
    go(source=source)
    name = {"regions": "in.bed", "vcf": "in.vcf"}[source]
    if program == "bgzip" and not shutil.which(program):
        pytest.skip("needs bgzip")
    (tmp_path / "piped.parquet.record.json").write_text("{}")  # of an older file with this name
    with subprocess.Popen(
        [program, *(["-c"] if program != "cat" else []), str(home / name)], stdout=subprocess.PIPE
    ) as cat:
        assert cat.stdout is not None
        pipe = f"{source}=/dev/fd/{cat.stdout.fileno()}"  # as <(cat ...) of a shell is
        go(pipe, f"output={tmp_path / 'piped.parquet'}", source="none")
    assert (tmp_path / "piped.parquet").read_bytes() == (tmp_path / "x.parquet").read_bytes()
    assert not (tmp_path / "piped.parquet.record.json").exists()


@pytest.mark.parametrize("source", ["regions", "vcf"])
def test_it_is_reproduced_to_the_byte(go, home: Path, tmp_path: Path, source: str):
    go(source=source)
    done = reproduce(asked(tmp_path / "x.parquet", cache=str(home / "cache")), tmp_path / "again")
    assert done is not None and done.same
    path = tmp_path / "x.parquet.record.json"
    record = read_record(path)
    record["settings"]["layer"] = 1
    path.write_text(json.dumps(record))
    done = reproduce(asked(tmp_path / "x.parquet", cache=str(home / "cache")), tmp_path / "third")
    assert done is not None and not done.same and "x.parquet has a different sha256; " in done.verdict
    assert " of embedding " in done.verdict


@pytest.mark.parametrize(
    ("overrides", "source", "line"),
    [
        ((), "none", "regions: wanted either a BED file (regions=) or a VCF (vcf=)"),
        (("vcf=x.vcf",), "regions", "regions: wanted either a BED file (regions=) or a VCF (vcf=)"),
        (("output=x.tsv",), "regions", "output=x.tsv: wanted a name that ends in .parquet"),
        (("output=a/.parquet",), "regions", "output=a/.parquet: wanted a name that ends in .parquet"),
        (("per=window",), "regions", "per=window: wanted span or base"),
        (("synonyms=x",), "regions", "synonyms=x: applies only to a VCF; a BED file must name contigs as the FASTA "
         "does"),
        (("window_bp=0",), "regions", "window_bp=0: wanted 1 or more"),
        (("regions_at_once=0",), "regions", "regions_at_once=0: wanted 1 or more"),
        (("layer=-1",), "regions", "layer=-1: wanted 0 (the bases as they enter) to 1 (after the last block), or "
         "null/None for the last one's normed states"),
        (("on_ref_mismatch=x",), "vcf", "on_ref_mismatch=x: wanted skip, warn or error"),
        (("parallel.sequence=2",), "vcf", "parallel.sequence=2 does not divide trainer.devices=1; use a multiple of "
         "parallel.sequence"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_right_are_refused(go, tmp_path: Path, overrides, source: str, line: str):
    with pytest.raises(SettingsError) as refusal:
        go(*overrides, source=source)
    assert str(refusal.value) == line
    assert not [*tmp_path.iterdir()]


def test_a_device_that_moves_the_models_answers_is_told_before_the_work(go, monkeypatch, caplog):
    monkeypatch.setattr(TrainedRun, "moved_on", lambda run, device: (f"{device} moves it",))
    caplog.set_level(logging.WARNING, logger="genolong")
    go()
    assert caplog.messages[0] == "cpu moves it"


def test_a_region_that_is_longer_than_the_window_is_refused(go, home: Path, tmp_path: Path):
    with pytest.raises(InputError) as refusal:
        go("window_bp=59")
    assert str(refusal.value) == (
        f"{home / 'in.bed'}, line 5: whole has 61 bases, more than the window of 59; shorten it, or use a longer "
        "window_bp"
    )
    assert go("window_bp=67").rows == 5


def test_alleles_longer_than_the_window_are_left_out_and_told(go, caplog):
    with caplog.at_level(logging.INFO, "genolong"):
        fewer = go("longest_allele=61", source="vcf")
        assert "do not fit" not in caplog.text
        done = go("longest_allele=1000", source="vcf")
    assert done.rows == fewer.rows
    assert "alleles of more than 61 bases do not fit into the window and are left out (too_long)" in caplog.text


def test_a_vcf_without_any_allele_is_refused_and_leaves_nothing(go, tmp_path: Path):
    (tmp_path / "a.vcf").write_bytes(vcf_text(record_line("chr9", 7, "A", "C")))
    with pytest.raises(
        InputError,
        match=r"a.vcf: holds no allele that can be embedded: *no_contig +1 +first: line .*; no_contig: the genome has ",
    ):
        go(f"vcf={tmp_path / 'a.vcf'}", source="none")
    with pytest.raises(RefusedRecordError, match="REF is"):
        go("on_ref_mismatch=error", source="vcf")
    (tmp_path / "b.vcf").write_bytes(vcf_text())
    with pytest.raises(InputError, match=r"b.vcf: holds no allele that can be embedded$"):
        go(f"vcf={tmp_path / 'b.vcf'}", source="none")
    assert {path.name for path in tmp_path.iterdir()} == {"a.vcf", "b.vcf"}


def test_a_full_disk_leaves_nothing(go, tmp_path: Path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PartialFile, "write", full)
    with pytest.raises(OSError, match="No space left"):
        go()
    assert not [*tmp_path.iterdir()]


def test_an_input_is_never_written_over_and_a_folder_must_be_there(go, home: Path, tmp_path: Path):
    (tmp_path / "in.parquet").write_text(BED)
    with pytest.raises(SettingsError, match=r"in.parquet: is the input itself; name another file$"):
        go(f"regions={tmp_path / 'in.parquet'}", f"output={tmp_path / 'in.parquet'}", source="none")
    with pytest.raises(OutputError, match="there is no folder"):
        go(f"output={tmp_path / 'nowhere' / 'x.parquet'}")


def test_what_the_run_names_is_never_written_over(go, home: Path, tmp_path: Path):
    link = tmp_path / "x.parquet"
    link.symlink_to(home / "run" / "checkpoints" / "last.ckpt")
    before = link.read_bytes()
    with pytest.raises(SettingsError, match=r"^output=.*x\.parquet: .*\.ckpt is an input, and would be overwritten"):
        go(f"output={link}")
    assert link.read_bytes() == before


def test_without_pyarrow_it_is_told_how_to_get_it(go, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SettingsError, match=r"pyarrow, which is not installed; run `pip install genolong\[parquet\]`"):
        go()
