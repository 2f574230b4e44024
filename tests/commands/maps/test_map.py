"""map: every substitution of a region, the same in every file, and as predict scores it; nothing is lost untold."""

import csv
import gzip
import json
import logging
import math
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pybigtools
import pysam
import pytest
from hydra import compose, initialize_config_dir

from genolong.commands.maps.map import MutationMap, _serve, map_regions
from genolong.commands.maps.map_settings import MapSettings
from genolong.commands.reading.trained_run import TrainedRun, open_run
from genolong.commands.repeating.reproduce import reproduce
from genolong.commands.variants.predict import predict
from genolong.commands.variants.predict_settings import PredictSettings
from genolong.endings import explain
from genolong.errors import InputError, OutputError, SettingsError
from genolong.genome.files.bgzf_writer import PlainOutput
from genolong.genome.files.hashed import sha256_of
from genolong.long_work import Follow, watched_by
from genolong.runs import kept_blocks
from genolong.runs.record import read_record
from genolong.settings import CONF, DEMO, check
from tests.builders.genomes import random_letters, write_fasta
from tests.builders.idle_team import IdleTeam
from tests.builders.saved_runs import save_run
from tests.builders.watchers import Stop, StopAt
from tests.commands.repeating.test_reproduce import asked
from tests.faults.failing_disk import ERRORS, FailingDisk, requests
from tests.oracles.discrimination import auroc

CONTIGS = {
    "chr2": random_letters(67, 3).lower() + random_letters(36, 4),
    "chr10": random_letters(150, 1) + "N" * 9 + random_letters(141, 2),
}
WINDOW = 64
NONE = ("parquet=no", "pictures=0")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("map")
    save_run(folder / "run", write_fasta(folder, CONTIGS), WINDOW, folder / "cache")
    return folder


def settings(home: Path, folder: Path, *overrides: str) -> MapSettings:
    given = [f"model={home / 'run'}", "trainer.accelerator=cpu", *overrides]
    if not any(word.startswith("output=") for word in overrides):
        given.append(f"output={folder / 'x'}")
    with initialize_config_dir(str((CONF / "trained").resolve()), version_base="1.3"):
        return check(compose("map", given), MapSettings)


@pytest.fixture
def go(home: Path, tmp_path: Path) -> Callable[..., MutationMap]:
    def run(*overrides: str, watcher: Follow | None = None) -> MutationMap:
        with watched_by(watcher) if watcher else nullcontext():
            done = map_regions(settings(home, tmp_path, *overrides))
        assert done is not None
        return done

    return run


def test_every_process_says_which_weights_it_opened(home: Path, tmp_path: Path):
    team = IdleTeam()
    _serve(team, settings(home, tmp_path, "region=chr2:1-7"))
    assert team.model == open_run(str(home / "run")).weights_sha256


def test_a_device_that_moves_the_models_answers_is_told_before_the_work(go, monkeypatch, caplog):
    monkeypatch.setattr(TrainedRun, "moved_on", lambda run, device: (f"{device} moves it",))
    caplog.set_level(logging.WARNING, logger="genolong")
    go("region=chr2:1-7", *NONE)
    assert caplog.messages[0] == "cpu moves it"


def bed(folder: Path, *lines: str) -> str:
    (folder / "in.bed").write_text("".join(line.replace(" ", "\t") + "\n" for line in lines))
    return f"regions={folder / 'in.bed'}"


def records(path: Path) -> list[Any]:
    with pysam.VariantFile(str(path)) as file:
        return list(file)


def llrs(record: Any) -> dict[str, float]:
    """Of all four bases, of the reference 0."""
    return {record.ref: 0.0, **dict(zip(record.alts, record.info["GENOLONG_LLR"], strict=True))}


def importance_of(record: Any) -> float:
    return -sum(record.info["GENOLONG_LLR"]) / 3


def uncertainty_of(record: Any) -> float:
    weights = [math.exp(value) for value in llrs(record).values()]
    return -sum(weight / sum(weights) * math.log2(weight / sum(weights)) for weight in weights)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_every_base_has_a_record_with_its_three_substitutions(go, tmp_path: Path):
    done = go("region=chr10:3-170", *NONE)
    found = records(tmp_path / "x.vcf.gz")
    assert [record.pos for record in found] == list(range(3, 171)) and {record.chrom for record in found} == {"chr10"}
    for record in found:
        letter = CONTIGS["chr10"][record.pos - 1]
        assert record.ref == letter
        if letter == "N":
            assert record.alts is None and record.info["GENOLONG_STATUS"] == ("no_alt",)
        else:
            assert record.alts == tuple(base for base in "ACGT" if base != letter)
            assert len(record.info["GENOLONG_STATUS"]) == len(record.info["GENOLONG_LLR"]) == 3
    assert (tmp_path / "x.vcf.gz.tbi").is_file()
    assert done.substitutions == 3 * (168 - 9)
    assert done.notes == (
        "mapped 168 bases: 477 substitutions",
        "  9 bases N: no substitution, and no value",
        "  30 bases read in a window that reaches beyond an end of the contig, padded with N",  # 3 ... 32
        "  33 bases read in a window that is more than a tenth N",  # 129 ... 150, 160 ... 170
    )


@pytest.mark.parametrize("mode", ["exact", "shared", "unmasked"])
@pytest.mark.parametrize("distance", [False, True])
def test_predict_makes_the_same_of_the_same_alleles(go, home: Path, tmp_path: Path, mode: str, distance: bool):
    go(bed(tmp_path, "chr10 120 170", "chr2 60 103"), f"mode={mode}", "spacing=5", f"distance={distance}", *NONE)
    words = [
        f"model={home / 'run'}", f"vcf={tmp_path / 'x.vcf.gz'}", f"output={tmp_path / 'y.vcf.gz'}", f"mode={mode}",
        "spacing=5", f"distance={distance}", "overwrite_fields=true", "longest_allele=20", "trainer.accelerator=cpu",
    ]  # fmt: skip
    with initialize_config_dir(str((CONF / "trained").resolve()), version_base="1.3"):
        predict(check(compose("predict", words), PredictSettings))
    ours, theirs = (records(tmp_path / f"{name}.vcf.gz") for name in "xy")
    fields = ["GENOLONG_LLR", *(["GENOLONG_DIST"] if distance else [])]
    for one, other in zip(ours, theirs, strict=True):
        assert one.info["GENOLONG_STATUS"] == other.info["GENOLONG_STATUS"] and set(one.info) == set(other.info)
        for field in fields if one.alts else []:
            np.testing.assert_allclose(one.info[field], other.info[field], rtol=1e-3, atol=2e-4)
    mine, its = (gzip.decompress((tmp_path / f"{name}.vcf.gz").read_bytes()).decode() for name in "xy")
    assert "##genolong_map=<" in mine and "##genolong_predict" not in mine
    assert "##genolong_predict=<" in its and "##genolong_map" not in its, "an older line about replaced fields is gone"


def test_in_16_bits_scores_are_nearly_the_same(go, tmp_path: Path):
    found = []
    for precision in ("32-true", "bf16-mixed"):
        go("region=chr10:3-20", f"precision={precision}", "flank=4", "resume=no", *NONE)
        found.append([value for record in records(tmp_path / "x.vcf.gz") for value in llrs(record).values()])
        told = gzip.decompress((tmp_path / "x.vcf.gz").read_bytes()).decode()
        assert f',precision="{precision}",' in told and "the longer allele and 4 bases on either side" in told
    exact, half = map(np.array, found)
    assert 0 < np.abs(half - exact).max() < 0.1 * exact.std()


def test_all_files_say_the_same(go, tmp_path: Path):
    done = go(bed(tmp_path, "chr10 120 170", "chr2 60 103"), "pictures=0")
    found = records(tmp_path / "x.vcf.gz")
    known = [record for record in found if record.alts]
    values = {"importance": importance_of, "uncertainty": uncertainty_of}
    with (tmp_path / "x.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [(row["contig"], int(row["start"]), int(row["end"]), row["reference"], row["status"]) for row in rows] == [
        (record.chrom, record.pos - 1, record.pos, record.ref, record.info["GENOLONG_STATUS"][0]) for record in found
    ]
    for record, row in zip(found, rows, strict=True):
        if record.alts:
            weights = {base: math.exp(value) for base, value in llrs(record).items()}
            for base, value in llrs(record).items():
                assert float(row[f"llr_{base}"]) == pytest.approx(value, abs=1e-5)
                assert float(row[f"p_{base}"]) == pytest.approx(weights[base] / sum(weights.values()), abs=2e-4)
        else:
            assert {value for name, value in row.items() if "_" in name} == {""}
    for name, of in values.items():
        lines = [line.split("\t") for line in (tmp_path / f"x.{name}.bedgraph").read_text().splitlines()]
        assert [(contig, int(start)) for contig, start, *_ in lines] == [(each.chrom, each.pos - 1) for each in known]
        assert lines == sorted(lines, key=lambda line: (line[0], int(line[1])))
        shown = [float(line[3]) for line in lines]
        np.testing.assert_allclose(shown, [of(record) for record in known], atol=2e-4)
        unit = {"importance": "nats", "uncertainty": "bits"}[name]
        assert shown == [float(row[f"{name}_{unit}"]) for row in rows if row[f"{name}_{unit}"]]
        with pybigtools.open(str(tmp_path / f"x.{name}.bw")) as file:
            assert file.chroms() == {contig: len(CONTIGS[contig]) for contig in ("chr10", "chr2")}
            entries = [entry for contig in ("chr10", "chr2") for entry in file.records(contig)]
        assert [start for start, _, _ in entries] == [record.pos - 1 for record in known]
        assert [value for *_, value in entries] == [float(np.float32(value)) for value in shown]
    assert {path.name for path in done.files} == names(tmp_path) - {
        "in.bed", "x.vcf.gz.tbi", "x.vcf.gz.record.json"
    }  # fmt: skip


def test_the_parquet_table_is_the_tsv(go, home: Path, tmp_path: Path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow, which comes with genolong[parquet]")
    go("region=chr10:140-170", "parquet=yes", "pictures=0", "distance=true")
    table = parquet.read_table(tmp_path / "x.parquet")
    with (tmp_path / "x.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert table.column_names == list(rows[0])
    for name, column in table.to_pydict().items():
        text = [row[name] for row in rows]
        if name in ("contig", "reference", "status"):
            assert column == text
        else:
            wanted = [None if value == "" else float(np.float32(float(value))) for value in text]
            assert column == wanted, name
    origin = json.loads(table.schema.metadata[b"genolong"])
    assert origin["mode"] == "shared" and origin["window_bp"] == str(WINDOW)


def test_regions_that_overlap_are_mapped_once_and_sorted(go, tmp_path: Path):
    done = go(bed(tmp_path, "chr2 9 13", "chr10 60 67", "chr10 31 37", "chr10 35 41", "2 13 17"), *NONE)
    places = [(record.chrom, record.pos) for record in records(tmp_path / "x.vcf.gz")]
    wanted = [("chr10", at) for at in (*range(32, 42), *range(61, 68))] + [("chr2", at) for at in range(10, 18)]
    assert places == wanted
    assert done.notes[0] == f"{tmp_path / 'in.bed'}: 5 regions, some of which overlap or touch; mapped as 3"
    done = go(bed(tmp_path, "chr2 9 13", "chr10 60 67"), *NONE)
    assert done.notes[0] == f"{tmp_path / 'in.bed'}: its regions are written in order of contig and start"
    assert go(bed(tmp_path, "chr10 60 67", "chr2 9 13"), *NONE).notes[0] == "mapped 11 bases: 33 substitutions"


@pytest.mark.parametrize(("region", "first", "last"), [("chr2:1-1", 1, 1), ("2:103-103", 103, 103), ("chr2", 1, 103)])
def test_a_region_may_be_a_base_or_a_contig(go, tmp_path: Path, region: str, first: int, last: int):
    go(f"region={region}", *NONE)
    found = records(tmp_path / "x.vcf.gz")
    assert [record.pos for record in found] == list(range(first, last + 1))
    assert all(len(record.info["GENOLONG_LLR"]) == 3 for record in found)


def test_a_region_that_ends_beyond_its_contig_is_cut_and_it_is_told(go, tmp_path: Path):
    done = go("region='chr2:100-1,100'", *NONE)
    assert [record.pos for record in records(tmp_path / "x.vcf.gz")] == [100, 101, 102, 103]
    assert done.notes[0] == (
        "region=chr2:100-1100: ends 997 bases beyond chr2, which has 103; mapped up to the end of the contig"
    )  # fmt: skip


@pytest.mark.parametrize(("devices", "sequence"), [(2, 1), pytest.param(2, 2, marks=pytest.mark.nightly)])
def test_several_processes_write_what_one_writes(go, tmp_path: Path, devices: int, sequence: int):
    go("region=chr10", *NONE)
    go("region=chr10", *NONE, f"trainer.devices={devices}", f"parallel.sequence={sequence}",
       f"output={tmp_path / 'y'}")  # fmt: skip
    one, two = (records(tmp_path / f"{name}.vcf.gz") for name in "xy")
    for this, other in zip(one, two, strict=True):
        assert (this.pos, this.ref, this.alts) == (other.pos, other.ref, other.alts)
        if this.alts:
            np.testing.assert_allclose(this.info["GENOLONG_LLR"], other.info["GENOLONG_LLR"], atol=2e-4)


@pytest.mark.parametrize(
    "options",
    [("mode=exact", "batch=16"), pytest.param(("mode=shared", "distance=true"), marks=pytest.mark.nightly)],
)
def test_stopped_anywhere_and_resumed_it_is_byte_identical(go, tmp_path: Path, monkeypatch, options: tuple[str, ...]):
    monkeypatch.setattr(kept_blocks, "NOTED_EVERY_S", -1.0)
    regions = bed(tmp_path, "chr10 20 170", "chr2 60 103")
    watch = StopAt("mapping", 99)
    whole = go(regions, *options, "pictures=1", f"output={tmp_path / 'whole'}", watcher=watch)
    blocks = 99 - watch.left
    assert blocks > 2
    for stop in range(1, blocks + 1):
        with pytest.raises(Stop):
            go(regions, *options, "pictures=1", watcher=StopAt("mapping", stop))
        assert {path.name for path in tmp_path.glob("x*")} == {"x.vcf.gz.kept.partial", "x.vcf.gz.journal"}
        again = StopAt("mapping", 99)
        done = go(regions, *options, "pictures=1", watcher=again)
        assert again.done["reading what was already mapped"] == stop
        assert again.done["mapping"] == again.totals["mapping"] and done.notes == whole.notes
        for end in (".vcf.gz", ".vcf.gz.tbi", ".tsv", ".importance.bedgraph", ".importance.bw", ".chr10_21-170.svg"):
            assert (tmp_path / f"x{end}").read_bytes() == (tmp_path / f"whole{end}").read_bytes(), end
        for path in tmp_path.glob("x*"):
            path.unlink()


def test_what_another_map_left_is_refused_and_other_files_are_not_another_map(go, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(kept_blocks, "NOTED_EVERY_S", -1.0)
    with pytest.raises(Stop):
        go("region=chr10:3-170", "mode=exact", *NONE, watcher=StopAt("mapping", 1))
    for other, what in (
        ("region=chr10:3-171", r"of other inputs \(intervals\), or they have changed since"),
        ("window_bp=32", "differs in window_bp"),
        ("flank=3", "differs in flank"),
    ):
        with pytest.raises(InputError, match=rf"x.vcf.gz.journal: .* {what};"):
            go("region=chr10:3-170", "mode=exact", *NONE, other)
    again = StopAt("mapping", 99)
    go("region=chr10", "mode=exact", "resume=no", *NONE, f"output={tmp_path / 'other'}")
    go(bed(tmp_path, "chr10 2 170"), "mode=exact", "parquet=no", "prefix=MINE", watcher=again)
    assert again.done["reading what was already mapped"] == 1


def test_files_of_an_earlier_map_that_are_not_written_again_are_told(go, tmp_path: Path):
    go("region=chr2:7-19", "parquet=no")
    go(bed(tmp_path, "chr2 6 19", "chr2 25 31"), "pictures=2", "parquet=no")
    done = go("region=chr2:7-19", *NONE)
    others = [f"x{region}.{end}" for region in ("", ".chr2_26-31", ".chr2_7-19") for end in ("png", "svg")]
    assert done.notes[-6:] == tuple(f"{tmp_path / name} is not of this map, and was left unchanged" for name in others)


def test_what_the_run_names_is_never_written_over(go, home: Path, tmp_path: Path):
    link = tmp_path / "x.tsv"
    link.symlink_to(home / "genome.fa")
    before = link.read_bytes()
    with pytest.raises(SettingsError, match=r"^output=.*x\.tsv: .*genome\.fa is an input, and would be overwritten"):
        go("region=chr2:7-19", *NONE)
    assert link.read_bytes() == before


def test_regions_of_a_pipe_give_the_same_map_without_a_record(go, tmp_path: Path):
    regions = bed(tmp_path, "chr10 20 60", "chr2 60 103")
    go(regions, *NONE)
    (tmp_path / "piped.vcf.gz.record.json").write_text("{}")  # of an older file with this name
    with subprocess.Popen(["cat", str(tmp_path / "in.bed")], stdout=subprocess.PIPE) as cat:
        assert cat.stdout is not None
        go(f"regions=/dev/fd/{cat.stdout.fileno()}", *NONE, f"output={tmp_path / 'piped'}")
    assert (tmp_path / "x.vcf.gz").read_bytes() == (tmp_path / "piped.vcf.gz").read_bytes()
    assert not (tmp_path / "piped.vcf.gz.record.json").exists()


def test_it_is_reproduced_to_the_byte(go, home: Path, tmp_path: Path):
    go(bed(tmp_path, "chr10 120 170"), "pictures=1")
    record = read_record(tmp_path / "x.vcf.gz.record.json")
    assert record["made_by"] == "map" and record["output_sha256"] == sha256_of(tmp_path / "x.vcf.gz")
    assert record["regions_sha256"] == {str(tmp_path / "in.bed"): sha256_of(tmp_path / "in.bed")}
    done = reproduce(asked(tmp_path / "x.vcf.gz", cache=str(home / "cache")), tmp_path / "again")
    assert done is not None and done.same
    for name in ("x.tsv", "x.importance.bedgraph", "x.svg"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_so_many_regions_are_drawn_as_are_asked_for(go, tmp_path: Path):
    done = go(bed(tmp_path, "chr10 20 40", "chr10 60 61", "chr2 7 11"), "parquet=no", "pictures=2")
    pictures = {f"x.chr10_{place}.{kind}" for place in ("21-40", "61-61") for kind in ("png", "svg")}
    assert {name for name in names(tmp_path) if name.endswith(("png", "svg"))} == pictures
    assert "drawn: 2 of 3 regions, the first 2 (pictures=) of at most 1,000,000 bases" in done.notes
    go("region=chr2:1-9", "parquet=no")
    assert {"x.png", "x.svg"} <= names(tmp_path)


def test_a_region_without_a_base_is_not_drawn(go, tmp_path: Path):
    done = go(bed(tmp_path, "chr10 150 159", "chr10 20 40"), "parquet=no", "pictures=2")
    assert {name for name in names(tmp_path) if name.endswith(("png", "svg"))} == {
        "x.chr10_21-40.png", "x.chr10_21-40.svg"
    }  # fmt: skip
    assert "chr10:151-159: has no A, C, G or T, so it is not drawn" in done.notes


def test_contigs_may_have_any_name(go, home: Path, tmp_path: Path):
    contigs = {"a/b": random_letters(71, 7), "a|b": random_letters(71, 8), "x,y=<$z^2$>": random_letters(61, 9)}
    fasta = write_fasta(tmp_path, contigs, "strange.fa")
    lines = [f"{contig} 20 31" for contig in contigs]
    done = go(bed(tmp_path, *lines), f"data.fasta={fasta}", f"data.cache={tmp_path / 'cache'}", "distance=true")
    places = [(contig, at) for contig in sorted(contigs) for at in range(21, 32)]
    assert [(record.chrom, record.pos) for record in records(tmp_path / "x.vcf.gz")] == places
    with pysam.TabixFile(str(tmp_path / "x.vcf.gz")) as file:
        assert [len([*file.fetch(contig, 20, 31)]) for contig in sorted(contigs)] == [11, 11, 11]
    with pybigtools.open(str(tmp_path / "x.importance.bw")) as file:
        assert file.chroms() == {contig: len(letters) for contig, letters in contigs.items()}
    assert (
        f"{tmp_path / 'x.vcf.gz'}: the VCF specification forbids some names of contigs (x,y=<$z^2$>), so its header "
        "does not declare them; other programs may not read their records"
    ) in done.notes
    pictures = {path for path in done.files if path.suffix in (".png", ".svg")}
    assert len(pictures) == 6 and all(path.is_file() and path.parent == tmp_path for path in pictures)


def test_many_names_that_a_vcf_forbids_are_counted(go, tmp_path: Path):
    fasta = write_fasta(tmp_path, {f"c,{at}": random_letters(23, at) for at in range(5)}, "strange.fa")
    done = go("region='c,3'", f"data.fasta={fasta}", f"data.cache={tmp_path / 'cache'}", *NONE)
    assert any("some names of contigs (c,0, c,1, c,2 and 2 more)" in note for note in done.notes)


def test_a_parquet_table_without_its_library_is_left_out_and_told_or_refused(go, tmp_path: Path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = go("region=chr2:7-9", "pictures=0")
    assert done.notes[0] == (
        "not written: parquet=auto: a Parquet file needs pyarrow, which is not installed; run "
        "`pip install genolong[parquet]` (or `pip install pyarrow`)"
    )
    before = names(tmp_path)
    assert before == {
        "x.vcf.gz", "x.vcf.gz.tbi", "x.vcf.gz.record.json", "x.tsv", "x.importance.bedgraph", "x.uncertainty.bedgraph",
        "x.importance.bw", "x.uncertainty.bw",
    }  # fmt: skip
    with pytest.raises(SettingsError, match=r"^parquet=yes: a .* file needs py"):
        go("region=chr2:7-9", "parquet=yes", f"output={tmp_path / 'y'}")
    assert names(tmp_path) == before


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        ((), "region: wanted either a region (region=chr1:1-1,000) or a BED file (regions=)"),
        (("region=a", "regions=b"), "region: wanted either a region (region=chr1:1-1,000) or a BED file (regions=)"),
        (("region=a", "output=x/"), "output=x/: wanted the start of file names, like maps/brca1"),
        (("region=a", "output=.."), "output=..: wanted the start of file names, like maps/brca1"),
        (("region=a", "output=a.vcf.gz"), "output=a.vcf.gz: wanted the start of file names; use a"),
        (("region=a", "output=a.uncertainty.bw"), "output=a.uncertainty.bw: wanted the start of file names; "
         "use a"),
        (("region=a", "mode=fast"), "mode=fast: wanted exact or shared or unmasked"),
        (("region=a", "spacing=0"), "spacing=0: wanted 1 or more"),
        (("region=a", "pictures=-1"), "pictures=-1: wanted 0 (none) or more"),
        (("region=a", "parquet=maybe"), "parquet=maybe: wanted auto or yes or no"),
        (("region=a", "prefix=1"), "prefix=1: wanted letters, digits and _, the first no digit"),
        (("region=a", "flank=32"), "flank=32: a base with that many on either side does not fit into the window of 64; "
         "lower it, or use a longer window_bp"),
        (("region=a", "trainer.devices=0"), "trainer.devices=0: wanted 1 or more"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_right_are_refused(go, tmp_path: Path, overrides, line: str):
    with pytest.raises(SettingsError) as refusal:
        go(*overrides)
    assert str(refusal.value) == line
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("region", "code", "line"),
    [
        ("chr3:1-9", 64, "region=chr3:1-9: the genome has no contig chr3; did you mean chr2 or chr10?"),
        ("chr2:104-104", 64, "region=chr2:104-104: lies beyond chr2, which has 103 bases; is it from another build of "
         "the genome?"),
        ("chr10:151-159", 65, "region=chr10:151-159: has no A, C, G or T, so there is nothing to substitute"),
        ("chr2:9", 64, "region=chr2:9: wanted CONTIG:FIRST-LAST, like chr17:43,044,295-43,045,800; both count from 1, "
         "and LAST is included (one base: chr17:43,044,295-43,044,295; a whole contig: chr17)"),
    ],
)  # fmt: skip
def test_a_region_that_is_none_of_this_genome_is_refused(go, tmp_path: Path, region: str, code: int, line: str):
    with pytest.raises(InputError) as refusal:
        go(f"region={region}")
    assert str(refusal.value) == line and refusal.value.exit_code == code
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", " holds no region; wanted lines of contig, start and end; is it the right file?"),
        ("chr2\t90\t104\n", ", line 1: end 104 lies beyond chr2, which has 103 bases; is it from another build of "
         "the genome?"),
        ("chr10\t150\t159\n", ": has no A, C, G or T, so there is nothing to substitute"),
    ],
)  # fmt: skip
def test_a_bed_file_that_is_none_of_this_genome_is_refused(go, tmp_path: Path, content: str, line: str):
    (tmp_path / "in.bed").write_text(content)
    with pytest.raises(InputError) as refusal:
        go(f"regions={tmp_path / 'in.bed'}")
    assert str(refusal.value) == f"{tmp_path / 'in.bed'}{line}"
    assert names(tmp_path) == {"in.bed"}


def test_inputs_are_never_written_over_and_a_folder_must_be_there(go, home: Path, tmp_path: Path):
    beds = tmp_path / "x.importance.bedgraph"
    beds.write_text("chr2\t7\t9\n")
    with pytest.raises(SettingsError) as refusal:
        go(f"regions={beds}")
    assert str(refusal.value) == f"output={tmp_path / 'x'}: {beds} would be overwritten; name another place"
    with pytest.raises(OutputError, match=r"nowhere/x.vcf.gz: there is no folder"):
        go("region=chr2:7-9", f"output={tmp_path / 'nowhere' / 'x'}")
    assert names(tmp_path) == {"x.importance.bedgraph"}


@pytest.mark.parametrize(
    ("error", "step", "lasting"),
    [
        (ERRORS[0], 23, True),
        *(pytest.param(error, 1, lasting, marks=pytest.mark.nightly) for error in ERRORS for lasting in (False, True)),
    ],
)
def test_whatever_fails_no_file_is_cut_and_the_next_run_gives_the_same_bytes(
    go, tmp_path: Path, error: int, step: int, lasting: bool
):
    words = ("region=chr2:7-9",)
    count = requests(lambda: go(*words))
    whole = {path.name: path.read_bytes() for path in tmp_path.iterdir() if not path.name.endswith(".json")}
    for number in range(0, count, step):
        for path in tmp_path.iterdir():
            path.unlink()
        try:
            with FailingDisk(number, error, lasting=lasting).mounted():
                go(*words)
        except Exception as caught:
            line, code = explain(caught, "map")
            assert code == 74, line
        others = (".json", ".partial", ".csi")  # the index that is made where .tbi could not be
        left = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.suffix not in others}
        assert all(whole[name] == content for name, content in left.items())
        go(*words)
        assert not list(tmp_path.glob("*.csi"))
        assert all((tmp_path / name).read_bytes() == content for name, content in whole.items())
        assert not list(tmp_path.glob("*.partial"))


def test_a_full_disk_leaves_nothing(go, tmp_path: Path, monkeypatch):
    def full(self: PlainOutput) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PlainOutput, "flush", full)
    with pytest.raises(OSError, match="No space left"):
        go("region=chr2:7-9")
    assert not names(tmp_path)


@pytest.mark.nightly
def test_planted_motifs_stand_out_after_a_short_training(tmp_path: Path):
    """600 steps of the smallest model, on held-out bases of the bundled genome, whose truth is known."""
    command = [sys.executable, "-m", "genolong"]
    model, cache = tmp_path / "run", f"data.cache={tmp_path / 'cache'}"
    train = [
        "train", "trainer.max_steps=600", "trainer.accelerator=cpu", f"hydra.run.dir={model}", cache,
        "logger.tensorboard=false",
    ]  # fmt: skip
    subprocess.run([*command, *train], cwd=tmp_path, check=True)
    region = ["region=chr4:95,001-97,000", f"output={tmp_path / 'x'}", "trainer.accelerator=cpu", cache]
    subprocess.run([*command, "map", f"model={model}", *region], cwd=tmp_path, check=True)
    planted = np.zeros(100_000, bool)
    with gzip.open(DEMO / "truth.bed.gz", "rt") as file:
        for contig, start, end, *_, kind, _ in map(str.split, file):
            if contig == "chr4" and kind == "motif":
                planted[int(start) : int(end)] = True
    with (tmp_path / "x.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for name, sign in (("importance_nats", 1), ("uncertainty_bits", -1)):
        values = sign * np.array([float(row[name]) for row in rows])
        inside = planted[95_000:97_000]
        assert auroc(values[inside].tolist(), values[~inside].tolist()) > 0.7, name
