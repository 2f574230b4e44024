"""Whatever request to the disk fails, the file that was there is whole, or the new one is; and the exit code is 74."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir

from genolong.commands.variants.predict import predict
from genolong.commands.variants.predict_settings import PredictSettings
from genolong.endings import explain
from genolong.genome.coordinates import Interval
from genolong.genome.fasta import Genome
from genolong.genome.vcf import VcfReader
from genolong.genome.vcf_writer import VcfWriter
from genolong.runs.checkpoint import load_weights
from genolong.runs.checkpoint_io import RunCheckpointIO
from genolong.runs.journal import Journal
from genolong.runs.record import write_record
from genolong.settings import CONF, check
from tests.builders.genomes import random_letters, write_fasta
from tests.builders.saved_runs import save_run
from tests.builders.vcfs import record_line, vcf_text
from tests.faults.failing_disk import ERRORS, FailingDisk, requests

LETTERS = random_letters(150, 1)
Writer = Callable[[Path, int], None]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sync that does not fail takes no time."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def checkpoint(folder: Path, value: int) -> None:
    state = {"state_dict": {"a": torch.full((3000,), value)}, "global_step": value}
    RunCheckpointIO({"settings": value}).save_checkpoint(state, folder / "last.ckpt")


def record(folder: Path, value: int) -> None:
    write_record(folder, {"value": value, "long": "x" * 20000})


def journal(folder: Path, value: int) -> None:
    Journal(folder / "out.vcf", {"of": "test"}).note({"value": value, "long": "x" * 20000})


def vcf(folder: Path, value: int, name: str = "out.vcf.gz") -> None:
    source = folder.parent / "in.vcf"
    source.write_bytes(vcf_text(*(record_line("chr1", pos + 1, info=f"V={value}") for pos in range(300))))
    with VcfReader(source) as reader, VcfWriter(folder / name) as writer:
        writer.write_header(reader.header)
        for each in reader:
            writer.write(each)


def value_of_checkpoint(folder: Path) -> int:
    settings, state = load_weights(folder / "last.ckpt")
    assert (state["a"] == settings["settings"]).all()
    return settings["settings"]


def value_of_record(folder: Path) -> int:
    return json.loads((folder / "record.json").read_text())["value"]


def value_of_journal(folder: Path) -> int:
    state = Journal(folder / "out.vcf", {"of": "test"}).state()
    assert state is not None
    return state["value"]


def value_of_vcf(folder: Path) -> int:
    with VcfReader(folder / "out.vcf.gz") as reader:
        (value,) = {each.info for each in reader}
    return int(value.removeprefix(b"V="))


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize(
    ("write", "value_of"),
    [
        (checkpoint, value_of_checkpoint),
        (record, value_of_record),
        (journal, value_of_journal),
        (vcf, value_of_vcf),
    ],
)
def test_whatever_fails_there_is_a_whole_file(tmp_path: Path, write: Writer, value_of, error: int, lasting: bool):
    folder = tmp_path / "run"
    folder.mkdir()
    write(folder, 1)
    usual = {path.name for path in folder.iterdir()}
    count = requests(lambda: write(folder, 1))
    assert count > 2
    for number in range(count):
        write(folder, 1)
        disk = FailingDisk(number, error, lasting=lasting)
        try:
            with disk.mounted():
                write(folder, 2)
        except Exception as caught:
            line, code = explain(caught, "train")
            assert code == 74 and line.startswith("/"), line
        else:
            assert value_of(folder) == 2
        assert disk.asked > number
        assert value_of(folder) in (1, 2)
        more = {path.name for path in folder.iterdir()} - usual
        assert len(more) <= 1, "at most one unfinished file"
        write(folder, 3)
        assert value_of(folder) == 3, "and the next one is written"


@pytest.mark.parametrize("name", ["genome.fa", "genome.fa.gz"])
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
def test_whatever_fails_while_an_index_is_made_bases_are_right(tmp_path: Path, name: str, error: int, lasting: bool):
    path = write_fasta(tmp_path, {"chr1": LETTERS}, name)
    cache = tmp_path / "cache"

    def read() -> None:
        codes, _ = Genome.open([path], cache).read(Interval("chr1", 0, 150))
        assert "".join("ACGTN"[code] for code in codes) == LETTERS

    for number in range(requests(read)):
        shutil.rmtree(cache, ignore_errors=True)
        try:
            with FailingDisk(number, error, lasting=lasting).mounted():
                read()
        except Exception as caught:
            line, code = explain(caught, "train")
            assert code in (73, 74), line
        read()


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> PredictSettings:
    folder = tmp_path_factory.mktemp("predict")
    run = save_run(folder / "run", write_fasta(folder, {"chr1": LETTERS}), 16, folder / "cache")
    other = {"A": "C", "C": "G", "G": "T", "T": "A"}
    lines = [record_line("chr1", pos, LETTERS[pos - 1], other[LETTERS[pos - 1]]) for pos in range(20, 120)]
    (folder / "in.vcf").write_bytes(vcf_text(*lines))
    overrides = (
        f"model={run}", f"vcf={folder / 'in.vcf'}", "output=x", "longest_allele=8", "flank=4", "records_at_once=25",
        "trainer.accelerator=cpu", "distance=false",
    )  # fmt: skip
    with initialize_config_dir(str((CONF / "trained").resolve()), version_base="1.3"):
        return check(compose("predict", overrides=list(overrides)), PredictSettings)


@pytest.mark.parametrize(
    ("error", "step"), [(ERRORS[0], 7), *(pytest.param(error, 1, marks=pytest.mark.nightly) for error in ERRORS)]
)
def test_whatever_fails_in_predict_the_next_run_gives_the_same_bytes(
    tmp_path: Path, settings, error: int, step: int, monkeypatch
):
    monkeypatch.setattr("genolong.commands.variants.prediction_work.NOTED_EVERY_S", 0.0)
    output = tmp_path / "out.vcf.gz"
    asked = replace(settings, output=str(output), skipped_to=str(tmp_path / "skipped.tsv"))
    count = requests(lambda: predict(asked))
    wanted = output.read_bytes()
    for number in range(0, count, step):
        output.unlink(missing_ok=True)
        try:
            with FailingDisk(number, error, lasting=True).mounted():
                predict(asked)
        except Exception as caught:
            line, code = explain(caught, "predict")
            assert code == 74 and line.startswith("/"), line
        predict(asked)
        assert output.read_bytes() == wanted
        assert not list(tmp_path.glob("*.partial")) + list(tmp_path.glob("*.journal"))


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="wants another file system")
def test_a_temporary_folder_elsewhere_is_not_used(tmp_path: Path, monkeypatch):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        assert Path(elsewhere).stat().st_dev != tmp_path.stat().st_dev
        monkeypatch.setattr(tempfile, "tempdir", elsewhere)
        seen = []
        replaced = os.replace
        monkeypatch.setattr("os.replace", lambda old, new: (seen.append(Path(old).parent), replaced(old, new)))
        for write in (checkpoint, record, journal, vcf):
            write(tmp_path, 1)
        assert set(seen) == {tmp_path}
        assert not list(Path(elsewhere).iterdir())
