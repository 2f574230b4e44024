"""Trainings on several devices leave what those on one device leave."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from genolong.commands.reading.trained_run import open_run
from genolong.commands.training.train import train
from genolong.commands.training.train_variants import train_variants
from genolong.commands.training.variant_training_settings import VariantTrainSettings
from genolong.errors import SettingsError
from genolong.settings import CONF, TrainSettings, check, train_settings
from tests.builders.genomes import random_letters, write_fasta
from tests.builders.variant_training import labelled_lines
from tests.builders.vcfs import HEADER, vcf_text

GENOME = {"one": random_letters(3_011, 1), "two": random_letters(1_501, 2)}
TINY = [
    "model.width=12", "model.layers=2", "model.heads=3", "model.segment=7", "context.window_bp=61", "context.batch=4",
    "trainer.max_steps=20", "trainer.validate_every=10", "optimizer.warmup_steps=3", "data.workers=0",
    "data.validation_windows=5", "logger.tensorboard=false", "trainer.accelerator=cpu",
]  # fmt: skip

pytestmark = pytest.mark.filterwarnings("ignore:Experiment logs directory", "ignore:GPU available")


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("devices")
    write_fasta(folder, GENOME)
    return folder


@pytest.fixture(scope="module")
def alone(home) -> Path:
    train(settings(home), home / "alone")
    return home / "alone"


def settings(home: Path, *overrides: str) -> TrainSettings:
    place = [f"data.fasta={home / 'genome.fa'}", f"data.cache={home / 'cache'}", f"run.folder={home / 'runs'}"]
    with initialize_config_dir(str(CONF.resolve()), version_base="1.3"):
        return train_settings(compose("train", [*TINY, *place, *overrides]))


def metrics(folder: Path) -> list[dict[str, float]]:
    with (folder / "metrics.csv").open() as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    "mesh",
    [
        ["parallel.sequence=2"],
        pytest.param(
            ["parallel.sequence=2", "parallel.share_weights=true", "context.checkpoint_blocks=2"],
            marks=pytest.mark.nightly,
        ),
        pytest.param(["context.batch=2", "data.workers=1"], marks=pytest.mark.nightly),
    ],
    ids=["sequence", "shared weights", "data"],
)
def test_twenty_steps_on_two_devices_show_the_losses_of_one(home, alone, tmp_path, mesh):
    done = train(settings(home, "trainer.devices=2", *mesh), tmp_path / "run")
    wanted, found = metrics(alone), metrics(tmp_path / "run")
    assert [row.keys() for row in found] == [row.keys() for row in wanted]
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours == pytest.approx(theirs, rel=3e-6)
    assert done.record["status"] == "finished" and done.record["bases"] == 20 * 4 * 61
    assert json.loads((tmp_path / "run" / "record.json").read_text()) == done.record
    assert open_run(str(tmp_path / "run")).weights_sha256 == done.record["weights_sha256"]


def labelled(home: Path) -> Path:
    label = b'##INFO=<ID=KIND,Number=1,Type=String,Description="what it is">\n'
    contigs = (f"##contig=<ID={name},length={len(letters)}>\n".encode() for name, letters in GENOME.items())
    (home / "labelled.vcf").write_bytes(
        vcf_text(*labelled_lines(GENOME, 13), header=(HEADER[0], *contigs, label, HEADER[-1]))
    )
    return home / "labelled.vcf"


def variant_settings(home: Path, alone: Path, *changes: str) -> VariantTrainSettings:
    asked = [
        f"init_from={alone}", f"data.vcf={labelled(home)}", "data.label=KIND", "data.positive=[bad]",
        "data.negative=[good]", f"data.cache={home / 'cache'}", "trainer.max_steps=10", "trainer.validate_every=10",
        "head.around=[0,4]", "head.flank=4", "head.dropout=0.0", "longest_allele=20", "trainer.accelerator=cpu",
        "encoder=tuned", f"run.folder={home / 'runs'}", "logger.tensorboard=false", "batch=8",
    ]  # fmt: skip
    with initialize_config_dir(str(CONF / "trained"), version_base="1.3"):
        return check(compose("train_variants", [*asked, *changes]), VariantTrainSettings)


def test_a_head_and_its_encoder_learn_on_two_devices_what_they_learn_on_one(home, alone):
    two = "trainer.devices=2", "parallel.sequence=2"
    wanted = train_variants(variant_settings(home, alone), home / "variants-1").record
    found = train_variants(variant_settings(home, alone, *two), home / "variants-2").record
    assert found["metrics"] == pytest.approx(wanted["metrics"], rel=1e-3, abs=1e-4)
    assert found["zero_shot"] == pytest.approx(wanted["zero_shot"], abs=1e-6)
    losses = [
        [row["train/loss"] for row in metrics(home / name) if "train/loss" in row]
        for name in ("variants-1", "variants-2")
    ]
    assert len(losses[0]) == 10
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def test_a_head_is_not_trained_on_other_windows_by_other_devices(home, alone):
    with pytest.raises(SettingsError, match=r"parallel.sequence=1: devices train .* use parallel.sequence=2"):
        variant_settings(home, alone, "trainer.devices=2")


def test_slices_shorter_than_the_first_segment_are_refused(home):
    with pytest.raises(SettingsError, match=r"parallel.sequence=9: slices .* \(7 bases\); take at most 8"):
        settings(home).model.check_window(61, 9)


def test_a_convolution_that_reaches_beyond_the_next_slice_is_refused(home):
    model = replace(settings(home).model, kernel=31)
    model.check_window(61, 4)
    with pytest.raises(
        SettingsError, match=r"model.kernel=31: reaches 15 bases, further than the shortest of 5 slices"
    ):
        model.check_window(61, 5)


@pytest.mark.parametrize(("knob", "value"), [("optimizer", "muon"), ("trainer.ema_decay", "0.9")])
def test_what_wants_whole_matrices_is_refused_with_shared_weights(home, knob, value):
    with pytest.raises(SettingsError, match=r"needs whole matrices, but parallel.share_weights=true splits them"):
        settings(home, "trainer.devices=2", "parallel.share_weights=true", f"{knob}={value}")
