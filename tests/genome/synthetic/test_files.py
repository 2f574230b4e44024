"""The files of a synthetic genome, and the committed one: small, whole, and what the generator writes today."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pysam
import pytest

from genolong.errors import OutputError, SettingsError
from genolong.genome.alphabet import N, encode
from genolong.genome.synthetic.files import FLOOR, GENOME, TRUTH, VARIANTS, measure_floor, write_synthetic_genome
from genolong.genome.synthetic.perfect_reader import PerfectReader, centred
from genolong.genome.synthetic.truth import Truth
from tests.builders.synthetic import synthetic

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / "data" / "demo"


def text_of(path: Path) -> bytes:
    with gzip.open(path) as file:
        return file.read()


def read_fasta(path: Path) -> dict[str, bytes]:
    blocks = text_of(path).split(b">")[1:]
    return {name.decode(): text.replace(b"\n", b"") for name, _, text in (block.partition(b"\n") for block in blocks)}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "deep" / "folder"
    return folder, write_synthetic_genome(folder, 50_021, seed=7, variants=31)


def test_a_genome_of_any_size_is_written_with_all_that_belongs_to_it(made):
    folder, facts = made
    assert {path.name for path in folder.iterdir()} == {GENOME, TRUTH, VARIANTS, FLOOR}
    assert json.loads((folder / FLOOR).read_text()) == facts
    letters = read_fasta(folder / GENOME)
    assert {name: len(text) for name, text in letters.items()} == facts["contigs"]
    assert sum(facts["contigs"].values()) == 50_021
    assert hashlib.sha256(text_of(folder / GENOME)).hexdigest() == facts["fasta_letters_sha256"]
    assert any(text != text.upper() for text in letters.values())


def test_truth_and_letters_read_from_files_give_the_written_floor(made):
    folder, facts = made
    truth = Truth.read(folder / TRUTH, folder / FLOOR)
    codes = {name: encode(text) for name, text in read_fasta(folder / GENOME).items()}
    again = measure_floor(truth, codes)
    assert again == {name: facts[name] for name in again}


def test_the_floor_is_the_mean_of_the_reader():
    truth, codes = synthetic({"one": 20_011, "two": 7_001}, 3)
    measured = measure_floor(truth, codes)
    row = next(row for row in measured["floor"] if row["context_bp"] == 2048)
    losses, slots, planted = [], [], []
    for name, letters in codes.items():
        at = np.flatnonzero(letters < N)
        losses.append(PerfectReader.of(truth, name, letters).losses(at, *centred(at, 2048)))
        slots.append(truth.slots(name)[at])
        planted.append(truth.planted(name)[at])
    nats, is_slot, is_planted = map(np.concatenate, (losses, slots, planted))
    assert row["slot_nats"] == pytest.approx(nats[is_slot].mean(), abs=1e-6)
    assert row["planted_nats"] == pytest.approx(nats[is_planted].mean(), abs=1e-6)
    assert row["known_nats"] == pytest.approx(nats.mean(), abs=1e-6)
    assert (measured["slots"], measured["planted"]) == (is_slot.sum(), is_planted.sum())


def test_settings_that_cannot_be_are_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"--bases=9999: wanted 10000 or more"):
        write_synthetic_genome(tmp_path, 9_999, seed=1, variants=1)
    with pytest.raises(SettingsError, match=r"--seed=-1: wanted 0 or more"):
        write_synthetic_genome(tmp_path, 10_000, seed=-1, variants=1)
    with pytest.raises(SettingsError, match=r"--variants=-1: wanted 0 or more"):
        write_synthetic_genome(tmp_path, 10_000, seed=1, variants=-1)


def test_a_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"file/folder: cannot write the genome here"):
        write_synthetic_genome(tmp_path / "file" / "folder", 10_000, seed=1, variants=1)


def test_the_script_writes_and_tells(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "scripts" / "make_demo_genome"), "--folder", str(tmp_path)]
    done = subprocess.run([*command, "--bases", "10007"], capture_output=True, text=True, env=environment, check=True)
    assert f"{tmp_path / GENOME}\t" in done.stdout
    assert len(done.stdout.splitlines()) == 4 + 1 + 10
    failed = subprocess.run([*command, "--bases", "7"], capture_output=True, text=True, env=environment, check=False)
    assert failed.returncode == 64
    assert failed.stderr == "--bases=7: wanted 10000 or more, or the last contig is almost empty\n"


@pytest.fixture(scope="module")
def demo():
    return json.loads((DEMO / FLOOR).read_text())


def test_the_committed_genome_is_the_one_described_and_small(demo):
    assert hashlib.sha256((DEMO / GENOME).read_bytes()).hexdigest() == demo["fasta_file_sha256"]
    assert sum(path.stat().st_size for path in map(DEMO.joinpath, (GENOME, TRUTH, VARIANTS, FLOOR))) <= 1_000_000
    assert sum(demo["contigs"].values()) >= 1_000_000


def test_the_generator_still_writes_the_committed_genome(demo, tmp_path):
    write_synthetic_genome(tmp_path, demo["bases"], demo["seed"], variants=1_000)
    for name in (GENOME, TRUTH, VARIANTS):  # what is compressed, not how: that is the compressor's to choose
        assert text_of(tmp_path / name) == text_of(DEMO / name), name
    facts = json.loads((tmp_path / FLOOR).read_text())
    assert facts["rules"] == demo["rules"]
    for row, committed in zip(facts["floor"], demo["floor"], strict=True):
        assert row == pytest.approx(committed, abs=1e-5)


def test_long_context_pays_on_the_committed_genome(demo):
    slots = {row["context_bp"]: row["slot_nats"] for row in demo["floor"]}
    assert list(slots) == [128 << power for power in range(10)]
    assert slots[1024] - slots[32_768] >= 0.15
    assert slots[128] > 1.3


def test_the_committed_variants_name_the_genomes_letters():
    letters = read_fasta(DEMO / GENOME)
    with pysam.VariantFile(str(DEMO / VARIANTS)) as file:
        records = list(file)
    assert len(records) == 2_000
    for record in records:
        assert letters[record.chrom][record.start : record.stop].decode().upper() == record.ref
