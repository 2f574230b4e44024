"""predict: every record comes back with one value an allele, whatever it is, and after whatever stop."""

import gzip
import logging
import os
import random
import re
import shutil
import signal
import subprocess
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest
from hydra import compose, initialize_config_dir

from genolong.commands.reading.trained_run import TrainedRun, open_run
from genolong.commands.variants import prediction_work
from genolong.commands.variants.predict import Prediction, _serve, predict
from genolong.commands.variants.predict_progress import Watch
from genolong.commands.variants.predict_settings import PredictSettings
from genolong.errors import BusyError, InputError, MissingInputError, OutputError, RefusedRecordError, SettingsError
from genolong.genome.alleles import SCORED
from genolong.genome.files.hashed import sha256_of
from genolong.report.tally import Tally
from genolong.runs.record import read_record
from genolong.settings import CONF, check
from tests.builders.genomes import bgzip, random_letters, write_fasta
from tests.builders.held_file import held_by_another
from tests.builders.idle_team import IdleTeam
from tests.builders.saved_runs import save_run
from tests.builders.vcfs import HEADER, record_line, vcf_text
from tests.builders.watchers import Stop

CONTIGS = {
    "chr1": random_letters(150, 1) + "N" * 9 + random_letters(141, 2),
    "chr2": random_letters(67, 3).lower() + random_letters(36, 4),
}
OTHER = {"A": "C", "C": "G", "G": "T", "T": "A"}
WINDOW = ["longest_allele=20", "flank=4", "trainer.accelerator=cpu"]


def base(contig: str, pos: int, length: int = 1) -> str:
    return CONTIGS[contig][pos - 1 : pos - 1 + length].upper()


def snv(contig: str, pos: int, named: str = "") -> bytes:
    return record_line(named or contig, pos, base(contig, pos), OTHER[base(contig, pos)])


LINES = {  # what stands in the VCF, and the statuses of its alleles
    snv("chr1", 1): "edge",
    snv("chr1", 60): "ok",
    snv("chr1", 60).replace(b"\t60\t.\t", b"\t60\trs7\t"): "ok",
    snv("chr1", 61, "1"): "ok",  # without chr
    record_line("chr1", 62, base("chr1", 62).lower(), OTHER[base("chr1", 62)].lower(), "AC=1"): "ok",
    record_line("chr1", 70, base("chr1", 70), f"{OTHER[base('chr1', 70)]},*,{base('chr1', 70)}TT", "AC=1,2,3;X"):
        "ok,star,ok",
    record_line("chr1", 75, base("chr1", 75, 4), base("chr1", 75)): "ok",
    record_line("chr1", 80, base("chr1", 80), "<DEL>,G]chr2:7],.", "SVTYPE=DEL;"): "symbolic,breakend,no_alt",
    record_line("chr1", 81, "N", "A"): "non_acgt",
    record_line("chr1", 82, OTHER[base("chr1", 82)], base("chr1", 82)): "ref_mismatch",
    record_line("chr1", 83, base("chr1", 83), base("chr1", 83)): "ref_eq_alt",
    record_line("chr1", 84, base("chr1", 84), base("chr1", 84) + "A" * 21): "too_long",
    record_line("chr1", 85, base("chr1", 85), ".") + b"\tGT\t0/0\t0/1": "no_alt",
    record_line("chr1", "x", "A", "C"): "malformed",
    record_line("chr1", 0, "A", "C"): "past_contig_end",
    snv("chr1", 149): "n_rich",
    snv("chr1", 300): "edge",
    record_line("chr1", 301, "A", "C"): "past_contig_end",
    record_line("chr1", 299, base("chr1", 299, 2), base("chr1", 299)): "edge",
    record_line("chr9", 7, "A", "C,<INS>"): "no_contig,symbolic",
    b"": None,
    b"# a remark": None,
    b"chr1\t7\t.": None,
    snv("chr2", 40): "ok",
    snv("chr2", 20) + b"\r": "edge",  # unsorted
    snv("chr2", 44) + b"\tGT:DP\t0/1:7": "ok",
}  # fmt: skip
TEXT = vcf_text(*LINES)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a genome, a run and a VCF."""
    folder = tmp_path_factory.mktemp("predict")
    save_run(folder / "run", write_fasta(folder, CONTIGS), 64, folder / "cache")
    (folder / "in.vcf").write_bytes(TEXT)
    return folder


@pytest.fixture
def go(home: Path, tmp_path: Path) -> Callable[..., Prediction]:
    def run(*overrides: str, watch: Watch | None = None, **paths: Any) -> Prediction:
        done = predict(asked(home, tmp_path, *overrides, **paths), watch)
        assert done is not None
        return done

    return run


def asked(home: Path, folder: Path, *overrides: str, vcf: Any = None, output: Any = "out.vcf", model: Any = None):
    overrides = (
        f"model={model or home / 'run'}", f"vcf={vcf or home / 'in.vcf'}",
        f"output={output if output == '-' else folder / output}", *WINDOW, *overrides,
    )  # fmt: skip
    with initialize_config_dir(str((CONF / "trained").resolve()), version_base="1.3"):
        return check(compose("predict", overrides=list(overrides)), PredictSettings)


def text_of(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


def without_ours(text: bytes) -> bytes:
    """A VCF without what predict adds; an empty INFO is written as a dot."""
    text = re.sub(rb"(?m)^##(INFO=<ID=GENOLONG_|genolong_predict=).*\n", b"", text)
    text = re.sub(rb";?GENOLONG_[A-Z]+=[^;\t\r\n]*", b"", text)
    return re.sub(rb"(?m)\t(?=\t|\r?$)", b"\t.", text)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def write(folder: Path, *lines: bytes, name: str = "my.vcf", header: Sequence[bytes] = HEADER) -> Path:
    (folder / name).write_bytes(vcf_text(*lines, header=header))
    return folder / name


class StopAt(Watch):
    """Stops when so many blocks were begun."""

    def __init__(self, blocks: int, stop: Callable[[], None] | None = None) -> None:
        self.left, self.stop, self.resumed_after = blocks, stop, -1

    def begin(self, total: int | None, resumed_after: int) -> None:
        self.resumed_after = resumed_after

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            if self.stop is None:
                raise Stop
            self.stop()

    def block(self, consumed: int, windows: int) -> None:
        self._count()

    def done(self, tally: Tally) -> None:
        self._count()


def test_every_record_comes_back_with_a_status_for_every_allele(go, tmp_path):
    done = go()
    text = text_of(tmp_path / "out.vcf")
    body = text.split(b"\tINFO\n", 1)[1].split(b"\n")[:-1]
    for line, (before, statuses) in zip(body, LINES.items(), strict=True):
        found = re.search(rb"GENOLONG_STATUS=([a-z_,]+)", line)
        assert (found[1].decode() if found else None) == statuses
        if statuses is None:
            assert line == before
            continue
        kinds = statuses.split(",")
        for field in (b"LLR", b"DIST"):
            values = re.search(rb"GENOLONG_" + field + rb"=([^;\t]+)", line)
            scored = [kind in SCORED for kind in kinds]
            assert bool(values) == any(scored)
            if values:
                assert [value != b"." for value in values[1].split(b",")] == scored
    expected = [status for statuses in LINES.values() for status in (statuses or "malformed").split(",")]
    assert done.tally.records == len(LINES) and done.tally.alleles == len(expected)
    assert done.tally.counts == {status: expected.count(status) for status in expected}
    assert names(tmp_path) == {"out.vcf", "out.vcf.record.json"}


@pytest.mark.parametrize("mode", ["exact", "shared", "unmasked"])
@pytest.mark.parametrize("records_at_once", [1, 5, 512])
def test_without_our_fields_it_is_the_input(go, tmp_path, mode: str, records_at_once: int):
    go(f"mode={mode}", f"records_at_once={records_at_once}")
    kept = TEXT.replace(b"SVTYPE=DEL;\n", b"SVTYPE=DEL\n")
    assert without_ours(text_of(tmp_path / "out.vcf")) == kept


def test_other_programs_read_the_same_records(go, home, tmp_path):
    lines = [line for line, statuses in LINES.items() if statuses not in (None, "malformed") and b"GT" not in line]
    vcf = write(tmp_path, *lines)
    go(vcf=vcf)
    with pysam.VariantFile(str(vcf)) as before, pysam.VariantFile(str(tmp_path / "out.vcf")) as after:
        for one, other in zip(before, after, strict=True):
            assert (one.contig, one.pos, one.ref, one.alts) == (other.contig, other.pos, other.ref, other.alts)
            assert set(one.info) == {key for key in other.info if not key.startswith("GENOLONG")}
            assert len(other.info["GENOLONG_STATUS"]) == len(other.alts or (".",))


def test_bgzip_has_an_index(go, tmp_path):
    vcf = write(tmp_path, snv("chr1", 60), snv("chr1", 90), snv("chr2", 40))
    assert not go(vcf=vcf, output="out.vcf.gz").notes
    with pysam.VariantFile(str(tmp_path / "out.vcf.gz")) as file:
        assert [record.pos for record in file.fetch("chr1", 80, 100)] == [90]
        assert [record.info["GENOLONG_STATUS"] for record in file.fetch("chr2")] == [("ok",)]


def test_what_is_not_sorted_has_none_and_that_is_told(go, tmp_path):
    note, lost = go(output="out.vcf.gz").notes
    assert "has no index, because its records are not sorted" in note and lost.startswith("no_contig: the genome has ")
    assert names(tmp_path) == {"out.vcf.gz", "out.vcf.gz.record.json"}


@pytest.mark.parametrize(("devices", "sequence"), [pytest.param(3, 1, marks=pytest.mark.nightly), (2, 2)])
def test_more_processes_write_the_same_bytes(go, tmp_path, devices: int, sequence: int):
    one = go("records_at_once=4", output="one.vcf.gz")
    asked = ("records_at_once=4", f"trainer.devices={devices}", f"parallel.sequence={sequence}")
    more = go(*asked, output="more.vcf.gz")
    assert (tmp_path / "one.vcf.gz").read_bytes() == (tmp_path / "more.vcf.gz").read_bytes()
    assert one.tally == more.tally


def test_more_processes_than_records_are_not_too_many(go, tmp_path):
    vcf = write(tmp_path, snv("chr1", 60))
    go(vcf=vcf, output="one.vcf")
    go("trainer.devices=2", vcf=vcf, output="two.vcf")
    assert (tmp_path / "one.vcf").read_bytes() == (tmp_path / "two.vcf").read_bytes()


def test_every_process_says_which_weights_it_opened(home, tmp_path):
    team = IdleTeam()
    _serve(team, asked(home, tmp_path))
    assert team.model == open_run(str(home / "run")).weights_sha256


def test_what_all_processes_refuse_is_raised_once(go, tmp_path):
    with pytest.raises(MissingInputError, match="no such run"):
        go("trainer.devices=2", model=tmp_path / "none")
    assert names(tmp_path) == set()


@pytest.mark.parametrize("output", ["out.vcf", "out.vcf.gz"])
def test_stopped_anywhere_and_resumed_is_byte_identical(go, tmp_path, monkeypatch, output: str):
    options = ["records_at_once=3", f"skipped_to={tmp_path / 'skipped.tsv'}"]
    go(*options, output=f"whole-{output}")
    whole, table = (tmp_path / f"whole-{output}").read_bytes(), (tmp_path / "skipped.tsv").read_bytes()
    monkeypatch.setattr(prediction_work, "NOTED_EVERY_S", -1.0)
    for stop in range(1, 18, 2 if output == "out.vcf" else 3):
        (tmp_path / "skipped.tsv").unlink()
        with pytest.raises(Stop):
            go(*options, output=output, watch=StopAt(stop))
        assert {f"{output}.partial", f"{output}.journal", "skipped.tsv.partial"} <= names(tmp_path)
        with (tmp_path / f"{output}.partial").open("ab") as file:
            file.write(b"what came after the last note")
        watch = StopAt(99)
        go(*options, output=output, watch=watch)
        assert watch.resumed_after == min((stop + 1) // 2 * 3, len(LINES))
        assert (tmp_path / output).read_bytes() == whole
        assert (tmp_path / "skipped.tsv").read_bytes() == table
        assert not [name for name in names(tmp_path) if name.endswith((".partial", ".journal"))]


@pytest.mark.parametrize("kills", [10, pytest.param(100, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("anywhere", [False, True])
def test_killed_time_and_again_it_is_byte_identical(home, tmp_path, go, monkeypatch, anywhere: bool, kills: int):
    begun = time.perf_counter()
    go("records_at_once=2", output="whole.vcf.gz")
    whole_s = time.perf_counter() - begun
    monkeypatch.setattr(prediction_work, "NOTED_EVERY_S", -1.0)
    settings = asked(home, tmp_path, "records_at_once=2", output="out.vcf.gz")
    moments, whole, out = random.Random(1), (tmp_path / "whole.vcf.gz").read_bytes(), tmp_path / "out.vcf.gz"
    killed = 0
    while killed < kills:
        # two steps on, at one of two moments of a block; or whenever the clock says
        watch = None if anywhere else StopAt(1 + killed % 3, lambda: os.kill(os.getpid(), signal.SIGKILL))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads
            child = os.fork()
        if child == 0:
            try:
                predict(settings, watch)
            finally:
                os._exit(0)
        if anywhere:
            time.sleep(moments.uniform(0, whole_s))
            os.kill(child, signal.SIGKILL)
        _, ending = os.waitpid(child, 0)
        killed += os.WIFSIGNALED(ending)
        if out.exists():  # whole, or none: then the next one begins anew
            assert out.read_bytes() == whole
            out.unlink()
    go("records_at_once=2", output="out.vcf.gz")
    assert out.read_bytes() == whole
    assert not [name for name in names(tmp_path) if name.endswith((".partial", ".journal"))]


def unfinished(go, monkeypatch, *options: str, **paths: Any) -> None:
    monkeypatch.setattr(prediction_work, "NOTED_EVERY_S", -1.0)
    with pytest.raises(Stop):
        go("records_at_once=4", *options, watch=StopAt(5), **paths)


def test_without_its_table_of_left_out_records_an_unfinished_result_begins_anew(go, tmp_path, monkeypatch):
    skipped = f"skipped_to={tmp_path / 'skipped.tsv'}"
    go("records_at_once=4", skipped, output="whole.vcf")
    table = (tmp_path / "skipped.tsv").read_bytes()
    (tmp_path / "skipped.tsv").unlink()
    unfinished(go, monkeypatch, skipped)
    (tmp_path / "skipped.tsv.partial").unlink()
    go("records_at_once=4", skipped)
    assert (tmp_path / "out.vcf").read_bytes() == (tmp_path / "whole.vcf").read_bytes()
    assert (tmp_path / "skipped.tsv").read_bytes() == table


@pytest.mark.parametrize(("option", "named"), [
    ("mode=unmasked", "mode"), ("prefix=OTHER", "prefix"), ("records_at_once=5", "records_at_once"),
    ("skipped_to=null", "skipped_to"), ("precision=bf16-mixed", "precision"),
])  # fmt: skip
def test_another_command_over_an_unfinished_result_is_refused(go, tmp_path, monkeypatch, option: str, named: str):
    skipped = f"skipped_to={tmp_path / 'skipped.tsv'}"
    unfinished(go, monkeypatch, skipped)
    before = names(tmp_path)
    with pytest.raises(SettingsError, match=rf"unfinished result of another command, which differs in {named};"):
        go("records_at_once=4", skipped, option)
    assert names(tmp_path) == before
    go("records_at_once=4", skipped, option, "resume=no")
    assert "out.vcf" in names(tmp_path) and "out.vcf.journal" not in names(tmp_path)


@pytest.mark.parametrize("resume", ["auto", "no"])
@pytest.mark.parametrize("held", ["out.vcf.partial", "skipped.tsv.partial"])
def test_what_another_process_is_writing_is_left_to_it(go, tmp_path, monkeypatch, resume: str, held: str):
    skipped = f"skipped_to={tmp_path / 'skipped.tsv'}"
    unfinished(go, monkeypatch, skipped)
    kept = (tmp_path / held, tmp_path / "out.vcf.journal")
    before = [path.read_bytes() for path in kept]
    with held_by_another(tmp_path / held), pytest.raises(BusyError, match=rf"{held}: another process is writing this"):
        go("records_at_once=4", skipped, f"resume={resume}")
    assert [path.read_bytes() for path in kept] == before


def test_a_changed_input_is_not_gone_on_with(go, tmp_path, monkeypatch):
    vcf = write(tmp_path, *LINES)
    unfinished(go, monkeypatch, vcf=vcf)
    write(tmp_path, *LINES, snv("chr2", 50))
    with pytest.raises(
        InputError,
        match=r"out.vcf.journal: holds an unfinished result of other inputs \(vcf\), or they have changed since; ",
    ) as refusal:
        go("records_at_once=4", vcf=vcf)
    assert refusal.value.exit_code == 65


def test_what_changes_no_byte_is_not_another_command(go, tmp_path, monkeypatch):
    unfinished(go, monkeypatch)
    watch = StopAt(99)
    go("records_at_once=4", "on_ref_mismatch=warn", "most_mismatches=1", "debug=true", watch=watch)
    assert watch.resumed_after == 12


def test_a_partial_file_that_was_removed_is_begun_anew(go, tmp_path, monkeypatch):
    unfinished(go, monkeypatch)
    (tmp_path / "out.vcf.partial").unlink()
    watch = StopAt(99)
    go("records_at_once=4", watch=watch)
    assert watch.resumed_after == 0 and names(tmp_path) == {"out.vcf", "out.vcf.record.json"}


def test_a_partial_file_that_was_cut_is_refused_with_the_remedy(go, tmp_path, monkeypatch):
    unfinished(go, monkeypatch)
    os.truncate(tmp_path / "out.vcf.partial", 7)
    with pytest.raises(InputError, match=r"out\.vcf\.partial holds 7 bytes; .* start again \(resume=no\)$"):
        go("records_at_once=4")


def test_another_build_is_noticed_before_anything_is_written(go, tmp_path):
    wrong = [record_line("chr1", pos, OTHER[base("chr1", pos)], "A,C,G,T") for pos in range(1, 140)]
    vcf = write(tmp_path, *wrong, *wrong)
    with pytest.raises(InputError) as refusal:
        go("records_at_once=300", vcf=vcf)
    assert str(refusal.value) == (
        f"{vcf}: REF differs from the genome in 200 of the first 200 records that can be compared; were these "
        "variants called on another build? Name its FASTA (data.fasta=), or continue anyway with most_mismatches=1"
    )
    few = write(tmp_path, *wrong[:20], name="few.vcf")
    with pytest.raises(InputError, match="in 20 of the first 20 records"):
        go(vcf=few, output="few.vcf.gz")
    assert names(tmp_path) == {"my.vcf", "few.vcf"}
    assert go("most_mismatches=1", vcf=few).tally.counts == {"ref_mismatch": 60, "ref_eq_alt": 20}
    assert go(vcf=write(tmp_path, *wrong[:19])).tally.counts == {"ref_mismatch": 57, "ref_eq_alt": 19}


def test_a_fifth_of_mismatches_is_no_other_build(go, tmp_path):
    wrong = [record_line("chr1", pos, OTHER[base("chr1", pos)], "A,C,G,T") for pos in range(1, 9)]
    right = [snv("chr1", pos) for pos in range(9, 41)]
    symbolic = [record_line("chr1", 7, "A", "<DEL>")] * 40  # tell nothing
    assert go(vcf=write(tmp_path, *wrong, *symbolic, *right)).tally.scored == 32
    with pytest.raises(InputError, match="in 8 of the first 39 records"):
        go(vcf=write(tmp_path, *wrong, *symbolic, *right[1:]))


def test_mismatches_are_told_or_refused(go, home, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        go("on_ref_mismatch=warn")
    told = (
        f"{home / 'in.vcf'}, line 14: REF is {OTHER[base('chr1', 82)]}, but the genome has {base('chr1', 82)} at "
        "chr1:82; were these variants called on another build?"
    )
    assert caplog.messages == [told]
    with pytest.raises(InputError) as refusal:
        go("on_ref_mismatch=error", output="other.vcf")
    remedy = "Name its FASTA (data.fasta=), or let such records pass (on_ref_mismatch=skip)"
    assert str(refusal.value) == f"{told} {remedy}"
    assert "other.vcf" not in names(tmp_path)


def test_fields_that_are_there_are_replaced_on_request_only(go, tmp_path):
    go()
    once = (tmp_path / "out.vcf").read_bytes()
    shutil.move(tmp_path / "out.vcf", tmp_path / "scored.vcf")
    with pytest.raises(InputError, match=r"scored.vcf: already has the INFO field GENOLONG_DIST; use overwrite_fields"):
        go(vcf=tmp_path / "scored.vcf")
    assert names(tmp_path) == {"scored.vcf", "out.vcf.record.json"}
    go("overwrite_fields=true", vcf=tmp_path / "scored.vcf")
    assert (tmp_path / "out.vcf").read_bytes() == once
    go("overwrite_fields=true", "distance=false", vcf=tmp_path / "scored.vcf")
    assert b"GENOLONG_DIST" not in (tmp_path / "out.vcf").read_bytes()
    go("prefix=MINE", vcf=tmp_path / "scored.vcf")
    assert (tmp_path / "out.vcf").read_bytes().count(b"##INFO=<ID=MINE_") == 3
    assert without_ours(re.sub(rb";?MINE_[A-Z]+=[^;\t\r\n]*|##.*MINE.*\n", b"", (tmp_path / "out.vcf").read_bytes()))


def test_a_field_that_no_header_declares_is_found(go, tmp_path):
    vcf = write(tmp_path, snv("chr1", 60), record_line("chr1", 61, base("chr1", 61), "<X>", "A=1;GENOLONG_LLR=7;B"))
    with pytest.raises(InputError, match=r"my.vcf, line 6: already has the INFO field GENOLONG_LLR"):
        go(vcf=vcf)
    go("overwrite_fields=true", vcf=vcf, output="two.vcf")
    assert (tmp_path / "two.vcf").read_bytes().endswith(b"\tA=1;B;GENOLONG_STATUS=symbolic\n")


def test_alleles_without_a_score_are_listed(go, tmp_path):
    go(f"skipped_to={tmp_path / 'skipped.tsv'}")
    rows = [line.split("\t") for line in (tmp_path / "skipped.tsv").read_text().splitlines()]
    without = [status for all in LINES.values() for status in (all or "malformed").split(",") if status not in SCORED]
    assert [row[5] for row in rows] == ["status", *without]
    assert rows[1] == ["10", "chr1", "70", base("chr1", 70), "*", "star"]
    assert ["25", "", "", "", "a blank line", "malformed"] in rows
    with pytest.raises(OutputError, match="there is no folder"):
        go(f"skipped_to={tmp_path / 'nowhere' / 'x'}", output="other.vcf")
    assert names(tmp_path) == {"out.vcf", "out.vcf.record.json", "skipped.tsv"}


def test_from_stdin_to_stdout(go, home, tmp_path, monkeypatch, capfdbinary):
    go()
    with (home / "in.vcf").open("rb") as file:
        monkeypatch.setattr("sys.stdin", file)
        before = os.dup(0)
        os.dup2(file.fileno(), 0)
        try:
            done = go(vcf="-", output="-")
        finally:
            os.dup2(before, 0)
            os.close(before)
    assert capfdbinary.readouterr().out == (tmp_path / "out.vcf").read_bytes()
    assert done.output == "-" and names(tmp_path) == {"out.vcf", "out.vcf.record.json"}


def test_a_pipe_is_read_once_and_has_no_journal(go, tmp_path, monkeypatch):
    monkeypatch.setattr(prediction_work, "NOTED_EVERY_S", -1.0)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "piped.vcf.record.json").write_text("{}")  # of an older file with this name
    child = os.fork()
    if child == 0:
        try:
            (tmp_path / "pipe").write_bytes(TEXT)
        finally:
            os._exit(0)
    done = go(vcf=tmp_path / "pipe", output="piped.vcf")
    os.waitpid(child, 0)
    assert done.tally.records == len(LINES) and names(tmp_path) == {"pipe", "piped.vcf"}
    go(output="plain.vcf")
    assert (tmp_path / "plain.vcf").read_bytes() == (tmp_path / "piped.vcf").read_bytes()


def test_what_was_begun_on_a_pipe_is_removed(go, tmp_path, monkeypatch):
    monkeypatch.setattr(prediction_work, "NOTED_EVERY_S", -1.0)
    with subprocess.Popen(["cat", str(write(tmp_path, *LINES))], stdout=subprocess.PIPE) as cat:
        assert cat.stdout is not None
        with pytest.raises(Stop):
            go("records_at_once=4", vcf=f"/dev/fd/{cat.stdout.fileno()}", watch=StopAt(5))
    assert names(tmp_path) == {"my.vcf"}, "the same command cannot go on with it"


def test_an_empty_vcf_is_no_mistake(go, tmp_path):
    done = go(vcf=write(tmp_path), output="out.vcf.gz")
    assert (done.tally.records, done.tally.lines()) == (0, ["read 0 records with 0 alleles; scored 0"])
    with pysam.VariantFile(str(tmp_path / "out.vcf.gz")) as file:
        assert not list(file) and "GENOLONG_LLR" in file.header.info


def test_the_run_may_be_a_checkpoint_and_synonyms_are_used(go, home, tmp_path):
    (tmp_path / "names").write_text("NC_1 chr1\n")
    vcf = write(tmp_path, snv("chr1", 60, "NC_1"))
    done = go(vcf=vcf, model=home / "run/checkpoints/last.ckpt")
    assert done.tally.counts == {"no_contig": 1} and done.notes[-1].startswith("no_contig: the genome has ")
    assert go(f"synonyms={tmp_path / 'names'}", vcf=vcf, model=home / "run").tally.counts == {"ok": 1}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A run whose genome may be changed."""
    folder = tmp_path / "own"
    return save_run(folder / "run", write_fasta(folder, CONTIGS), 64, folder / "cache")


def test_a_genome_that_changed_since_the_training_is_refused_unless_it_is_named(go, own, tmp_path):
    fasta = write_fasta(own.parent, {**CONTIGS, "chr3": "ACGT"})
    with pytest.raises(InputError, match=r"genome\.fa: its content has changed since the training; name the FASTA"):
        go(model=own)
    assert go(f"data.fasta={fasta}", model=own).tally.scored
    fasta.unlink()
    with pytest.raises(MissingInputError, match=r"the FASTA used for training is missing \(.*genome.fa.*\); name one"):
        go(model=own)
    with pytest.raises(MissingInputError, match=r"^\S*genome\.fa"):
        go(f"data.fasta={fasta}", model=own)
    assert names(tmp_path) == {"own", "out.vcf", "out.vcf.record.json"}


@pytest.mark.parametrize(("option", "words"), [
    ("window_bp=8", "flank=4: a base with that many on either side does not fit into the window of 8; lower it, or use "
     "a longer window_bp"),
    ("on_ref_mismatch=stop", "on_ref_mismatch=stop: wanted skip, warn or error"),
    ("most_mismatches=1.5", "most_mismatches=1.5: wanted a share from 0 to 1"),
    ("prefix=7A", "prefix=7A: wanted letters, digits and _, the first no digit"),
    ("prefix='Ä'", "prefix=Ä: wanted letters, digits and _, the first no digit"),
    ("resume=yes", "resume=yes: wanted auto or no"),
    ("records_at_once=0", "records_at_once=0: wanted 1 or more"),
    ("trainer.devices=0", "trainer.devices=0: wanted 1 or more"),
    ("parallel.sequence=0", "parallel.sequence=0: wanted 1 or more devices per window"),
    ("parallel.sequence=2",
     "parallel.sequence=2 does not divide trainer.devices=1; use a multiple of parallel.sequence"),
    ("parallel.patience_s=4", "parallel.patience_s=4: wanted 5 seconds or more"),
    ("trainer.accelerator=tpu", "trainer.accelerator=tpu: wanted auto, cpu or cuda"),
    ("precision=16-mixed", "precision=16-mixed: wanted 32-true or bf16-mixed"),
    ("trainer.attention=mkl", "trainer.attention=mkl: wanted auto or aten or cpp or flash or triton"),
    ("data.fasta=7", "data.fasta=7: wanted the path of a FASTA file, or a list of such paths"),
    ("data.fasta=[]", "data.fasta=[]: wanted the path of a FASTA file, or a list of such paths"),
    ("skipped_to=-", "skipped_to=-: wanted a file of its own; standard output is for the VCF"),
])  # fmt: skip
def test_settings_that_cannot_be_right_are_refused(go, option: str, words: str):
    with pytest.raises(SettingsError) as refusal:
        go(option)
    assert str(refusal.value) == words


def test_a_gpu_that_is_not_there_is_refused(go, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(SettingsError, match="torch sees no CUDA device here; use auto or cpu"):
        go("trainer.accelerator=cuda")
    assert go("trainer.accelerator=auto").tally.scored


def test_more_gpus_than_there_are_are_refused(go, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(SettingsError, match=r"^trainer.devices=3: this machine has 2 GPUs$"):
        go("trainer.devices=3", "trainer.accelerator=auto")


def test_a_window_of_just_the_longest_allele_is_enough(go, tmp_path):
    length = 20
    line = record_line("chr1", 30, base("chr1", 30, length + 1), base("chr1", 30))
    enough = go("window_bp=28", vcf=write(tmp_path, line))
    assert enough.tally.counts == {"ok": 1} and not any("do not fit" in note for note in enough.notes)
    short = go("window_bp=27", vcf=write(tmp_path, line, snv("chr1", 60)))
    assert short.tally.counts == {"too_long": 1, "ok": 1}
    assert (
        "alleles of more than 19 bases, with flank=4 on either side, do not fit into the window of 27: they get the "
        "status too_long"
    ) in short.notes


def test_a_window_that_no_memory_holds_is_refused_before_anything_is_read(go, tmp_path):
    with pytest.raises(
        SettingsError, match=r"^reading 1 window of 999,999,999,999 bases at once needs at least \d+ TB"
    ):
        go("window_bp=999999999999")
    assert not list(tmp_path.iterdir())


def test_the_default_settings_take_a_model_of_any_window(go, tmp_path):
    assert go("longest_allele=1000", "flank=8").tally.counts == go("longest_allele=45", "flank=8").tally.counts


@pytest.mark.parametrize("name", ["genome.fa", "run/checkpoints/last.ckpt"])
@pytest.mark.parametrize("setting", ["output", "skipped_to"])
def test_what_the_run_names_is_never_written_over(go, home, setting, name):
    before = (home / name).read_bytes()
    with pytest.raises(
        SettingsError, match=rf"{setting}=.*{name}: .* is an input, and would be overwritten; name another"
    ):
        go(f"{setting}={home / name}")
    assert (home / name).read_bytes() == before


def test_what_is_read_is_never_written_over(go, home, tmp_path):
    vcf = write(tmp_path, snv("chr1", 60))
    os.link(vcf, tmp_path / "same.vcf")
    (tmp_path / "names").write_text("a b\n")
    fasta = shutil.copy(home / "genome.fa", tmp_path)
    for output in ("my.vcf", "same.vcf", "./my.vcf"):
        with pytest.raises(SettingsError, match=rf"output=.*{output}: is the input itself; name another file"):
            go(vcf=vcf, output=output)
    for options, output in (([f"skipped_to={vcf}"], "out.vcf"), ([f"synonyms={tmp_path / 'names'}"], "names")):
        with pytest.raises(SettingsError, match="is the input itself"):
            go(*options, vcf=vcf, output=output)
    with pytest.raises(SettingsError, match=r"output=.*genome\.fa: is the input itself"):
        go(f"data.fasta={fasta}", vcf=vcf, output="genome.fa")
    with pytest.raises(SettingsError, match=r"skipped_to=.*out\.vcf: is also the output; name another file"):
        go(f"skipped_to={tmp_path / 'out.vcf'}", vcf=vcf)


@pytest.mark.parametrize("output", ["nowhere/out.vcf", "file/out.vcf", "out.bcf", "."])
def test_an_output_that_cannot_be_made_is_refused_before_the_work(go, tmp_path, output: str):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        go(output=output)
    assert names(tmp_path) == {"file"}


def test_what_made_a_file_lies_beside_it(go, home: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("genolong.commands.variants.predict.now", lambda: "when it began")
    done = go(output="out.vcf.gz")
    record = read_record(tmp_path / "out.vcf.gz.record.json")
    assert record["started"] == "when it began" != record["finished"]
    assert record["made_by"] == "predict" and record["status"] == "finished"
    assert record["output_sha256"] == sha256_of(tmp_path / "out.vcf.gz")
    assert record["model_sha256"] == open_run(str(home / "run")).weights_sha256
    (fasta,) = {home / "genome.fa", *home.glob("*.fa")}
    assert record["inputs_sha256"] == {str(path): sha256_of(path) for path in (fasta, home / "in.vcf")}
    assert record["settings"]["model"] == str(home / "run" / "checkpoints" / "last.ckpt")
    assert record["alleles"] == done.tally.as_json()


def test_attention_is_by_the_kernels_that_are_asked_for(go, tmp_path: Path):
    go("trainer.attention=aten", vcf=write(tmp_path, snv("chr1", 60)))
    assert read_record(tmp_path / "out.vcf.record.json")["attention"] == "aten"


@pytest.mark.parametrize("devices", [1, pytest.param(2, marks=pytest.mark.nightly)])
def test_in_16_bits_scores_are_nearly_the_same(go, tmp_path, devices: int):
    llrs = []
    for precision in ("32-true", "bf16-mixed"):
        go(f"precision={precision}", f"trainer.devices={devices}", output=f"{precision}.vcf")
        found = re.findall(rb"GENOLONG_LLR=([^;\t\n]+)", text_of(tmp_path / f"{precision}.vcf"))
        assert f',precision="{precision}",'.encode() in text_of(tmp_path / f"{precision}.vcf")
        llrs.append([float(each) for field in found for each in field.split(b",") if each != b"."])
    exact, half = map(np.array, llrs)
    assert len(exact) > 9 and exact.std() > 0.01
    assert 0 < np.abs(half - exact).max() < 0.1 * exact.std()


def test_a_device_that_moves_the_models_answers_is_told_before_the_work(go, monkeypatch, caplog):
    monkeypatch.setattr(TrainedRun, "moved_on", lambda run, device: (f"{device} moves it",))
    caplog.set_level(logging.WARNING, logger="genolong")
    go()
    assert caplog.messages[0] == "cpu moves it"


def test_a_refused_record_is_taken_with_another_setting_from_there_on(go, tmp_path, monkeypatch):
    monkeypatch.setattr(prediction_work, "NOTED_EVERY_S", -1.0)
    vcf = write(tmp_path, *[snv("chr1", pos) for pos in range(60, 70)], snv("chr1", 70) + b";GENOLONG_LLR=1")
    with pytest.raises(RefusedRecordError, match=r"line \d+: already has the INFO field GENOLONG_LLR"):
        go("records_at_once=2", vcf=vcf)
    assert {"out.vcf.partial", "out.vcf.journal"} <= names(tmp_path)
    watch = StopAt(99)
    go("records_at_once=2", "overwrite_fields=true", vcf=vcf, watch=watch)
    assert watch.resumed_after == 10


def test_records_of_a_pipe_all_come_back(go, home, tmp_path):
    go()
    with subprocess.Popen(["cat", str(home / "in.vcf")], stdout=subprocess.PIPE) as cat:
        assert cat.stdout is not None
        go(vcf=f"/dev/fd/{cat.stdout.fileno()}", output="piped.vcf")  # as <(cat ...) of a shell is
    assert (tmp_path / "piped.vcf").read_bytes() == (tmp_path / "out.vcf").read_bytes()
    assert names(tmp_path) == {"out.vcf", "out.vcf.record.json", "piped.vcf"}


def test_a_file_that_is_refused_midway_leaves_nothing(go, tmp_path):
    text = vcf_text(*[snv("chr1", pos) for pos in range(60, 99)])
    packed = bgzip(text, block=200)
    (tmp_path / "cut.vcf.gz").write_bytes(packed[: len(packed) * 3 // 4])
    with pytest.raises(InputError, match=r"cut.vcf.gz"):
        go("records_at_once=2", vcf=tmp_path / "cut.vcf.gz")
    assert names(tmp_path) == {"cut.vcf.gz"}
