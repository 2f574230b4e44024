"""`train` from Python: what it leaves, what it returns, and how it ends when it does not get through."""

import csv
import json
import logging
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from pytorch_lightning.utilities.exceptions import SIGTERMException

from genolong.commands.reading import precision_choice
from genolong.commands.reading.trained_run import open_run
from genolong.commands.training import trainer
from genolong.commands.training.train import train
from genolong.commands.training.trainer import accelerator, precision, precision_notes
from genolong.errors import FinishedRunError, InputError, NumericalError, OutputError, SettingsError
from genolong.loading.datasets import MaskedBatch
from genolong.parallel.stopped import Stopped
from genolong.runs.checkpoint import load_all, load_weights, weights_sha256
from genolong.runs.saved import of_step
from genolong.settings import CONF, TrainSettings, check, train_settings
from genolong.tasks.masked_bases import MaskedBases
from tests.builders.c_library import watch_heap
from tests.builders.genomes import random_letters
from tests.builders.interpreted import interpreted

TINY = [
    "model.width=6", "model.layers=1", "model.heads=3", "model.segment=7", "context.window_bp=29", "context.batch=2",
    "trainer.max_steps=5", "trainer.validate_every=3", "data.workers=0", "data.validation_windows=2",
    "logger.tensorboard=false",
]  # fmt: skip

pytestmark = pytest.mark.filterwarnings("ignore:Experiment logs directory", "ignore:GPU available")


@pytest.fixture
def settings(tmp_path: Path) -> TrainSettings:
    return made(tmp_path)


def made(tmp_path: Path, *overrides: str) -> TrainSettings:
    fasta = tmp_path / "genome.fa"
    fasta.write_text(">one\n" + random_letters(811, seed=1) + "\n>two\n" + random_letters(401, seed=2) + "\n")
    place = [f"data.fasta={fasta}", f"data.cache={tmp_path / 'cache'}", f"run.folder={tmp_path / 'runs'}"]
    with initialize_config_dir(str(CONF.resolve()), version_base="1.3"):
        return train_settings(compose("train", [*TINY, *place, *overrides]))


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_run_leaves_all_that_it_promises_and_returns_it_too(settings: TrainSettings, tmp_path: Path):
    folder = tmp_path / "runs" / "train" / "now"
    done = train(settings, folder)
    assert (folder.parent / "latest").resolve() == folder.resolve()
    record = json.loads((folder / "record.json").read_text())
    assert record == done.record
    assert record["status"] == "finished" and record["steps"] == 5 and record["bases"] == 5 * 2 * 29
    assert record["settings"] == OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"))
    assert record["machine"]["threads"] == torch.get_num_threads()
    assert record["versions"]["torch"] and record["seed"] == 1
    assert list(record["inputs_sha256"].values()) == [sha256((tmp_path / "genome.fa").read_bytes()).hexdigest()]
    assert record["metrics"]["validation/loss"] == pytest.approx(float(rows(folder)[-1]["validation/loss"]), rel=1e-6)
    stored, weights = load_weights(folder / "checkpoints" / "last.ckpt")
    assert record["weights_sha256"] == weights_sha256(weights) == weights_sha256(done.model.state_dict())
    assert check(stored["settings"], TrainSettings) == settings
    assert stored["inputs_sha256"] == record["inputs_sha256"] == dict(done.genome.sha256)
    assert (folder / "checkpoints" / "best.ckpt").is_file()
    assert done.trainer.global_step == 5 and done.split.validation
    assert not (folder / "tensorboard").exists(), "logger.tensorboard=false"


def test_a_notebooks_defaults_change_no_number(settings: TrainSettings, tmp_path: Path):
    wanted = train(settings, tmp_path / "usual").record["weights_sha256"]
    torch.set_default_dtype(torch.float64)
    try:
        assert train(settings, tmp_path / "other").record["weights_sha256"] == wanted
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_metrics_hold_one_row_a_step_and_one_a_validation_the_last_step_too(settings: TrainSettings, tmp_path: Path):
    train(settings, tmp_path / "run")
    logged = rows(tmp_path / "run")
    steps = [row for row in logged if row["train/loss"]]
    assert [row["step"] for row in steps] == ["0", "1", "2", "3", "4"]
    assert all(row["train/gradient_norm"] for row in steps)
    rates = [settings.optimizer.learning_rate * settings.optimizer.rate_at(step, 5) for step in range(5)]
    assert [float(row["train/learning_rate"]) for row in steps] == pytest.approx(rates)
    seen = [row for row in logged if row["validation/loss"]]
    assert [row["step"] for row in seen] == ["2", "4"]
    assert all(row[f"validation/{name}"] for row in seen for name in ("bits", "accuracy", "loss_unmasked"))
    assert len(logged) == 7


def test_accumulation_counts_steps_of_the_optimizer(tmp_path: Path):
    done = train(made(tmp_path, "context.accumulation=3", "trainer.validate_every=2"), tmp_path / "run")
    assert done.trainer.global_step == 5 and done.record["bases"] == 5 * 3 * 2 * 29
    assert [row["step"] for row in rows(tmp_path / "run") if row["train/loss"]] == ["0", "1", "2", "3", "4"]
    assert [row["step"] for row in rows(tmp_path / "run") if row["validation/loss"]] == ["1", "3", "4"]


@pytest.mark.parametrize(("held", "window_bp"), [("null", 405), ("two", 401), ("[one]", 401), ("two.bed", 405)])
def test_whole_contigs_are_read_as_far_as_leaves_a_window_to_hold_out(
    tmp_path: Path, monkeypatch, held: str, window_bp: int
):
    monkeypatch.chdir(tmp_path)
    Path("two.bed").write_text("one\t0\t405\n")
    whole = ("context=chromosome", "context.window_bp=null", "context.batch=1", "trainer.max_steps=1")
    done = train(made(tmp_path, *whole, f"data.validation={held}"), tmp_path / "run")
    stored, _ = load_weights(tmp_path / "run" / "checkpoints" / "last.ckpt")
    assert stored["settings"]["context"]["window_bp"] == window_bp
    assert {window.length for window in done.split.validation} == {window_bp}
    assert done.record["bases"] == window_bp


@pytest.mark.parametrize(
    ("held", "words"), [("[two,one]", "nothing is left to train on"), ("nine", "no contig is called nine")]
)
def test_whole_contigs_that_leave_nothing_to_read_are_refused(tmp_path: Path, held: str, words: str):
    with pytest.raises(InputError, match=words):
        train(made(tmp_path, "context.window_bp=null", f"data.validation={held}"), tmp_path / "run")


@pytest.mark.parametrize("segments", ["[8,64]", "[64]"])
def test_segments_of_ones_own_train_and_can_be_used(tmp_path: Path, segments: str):
    dilations = "[1,4]" if "," in segments else "[1]"
    chosen = [f"model.segments={segments}", f"model.dilations={dilations}", "context.window_bp=64"]
    train(made(tmp_path, *chosen), tmp_path / "run")
    assert open_run(str(tmp_path / "run")).known is not None


def test_the_same_seed_gives_the_same_weights_however_often_one_looks(tmp_path: Path):
    torch.manual_seed(99)
    looks = (), ("data.workers=2",), ("trainer.validate_every=1", "checkpoint.every_n_steps=2")
    hashes = [
        train(made(tmp_path, "model.dropout=0.3", *more), tmp_path / str(at)).record["weights_sha256"]
        for at, more in enumerate((*looks, ("seed=2",)))
    ]
    assert len(set(hashes[:3])) == 1
    assert hashes[3] not in hashes[:3]


def test_what_a_training_is_made_of_follows_from_the_settings(tmp_path: Path):
    chosen = made(
        tmp_path, "seed=7", "data.min_known=0.9", "data.reverse_complement=0.25", "data.workers=1", "model.dropout=0.1",
        "context.checkpoint_blocks=2", "trainer.precision=bf16-mixed",
        "optimizer.learning_rate=1e-12", "optimizer.weight_decay=0",
    )  # fmt: skip
    done = train(chosen, tmp_path / "run")
    order = done.datamodule.order
    assert (order.window_bp, order.regions) == (29, done.split.train)
    assert (order.seed, order.least_known, order.reverse_complement) == (7, 27, 0.25)
    assert (done.model.seed, done.datamodule.workers) == (7, 1), "dropout follows the seed"
    assert done.model.encoder.checkpoint_blocks == 2 and any((tmp_path / "cache").iterdir())
    assert done.trainer.precision == "bf16-mixed"
    torch.manual_seed(7)
    begun = MaskedBases(chosen.model, chosen.task, chosen.optimizer, max_steps=5, seed=7, checkpoint_blocks=0)
    for name, weight in begun.state_dict().items():
        torch.testing.assert_close(done.model.state_dict()[name], weight, rtol=0, atol=1e-9, msg=name)


def test_a_running_mean_of_the_weights_is_the_result(settings: TrainSettings, tmp_path: Path):
    plain = train(settings, tmp_path / "plain")
    mean = replace(settings, trainer=replace(settings.trainer, ema_decay=0.9))
    done = train(mean, tmp_path / "mean")
    _, weights = load_weights(tmp_path / "mean" / "checkpoints" / "last.ckpt")
    assert done.record["weights_sha256"] == weights_sha256(weights) != plain.record["weights_sha256"]
    assert set(weights) == set(plain.model.state_dict())
    losses = [[row["train/loss"] for row in rows(tmp_path / name)] for name in ("plain", "mean")]
    assert losses[0] == losses[1], "what is trained is the same"


def test_a_running_mean_forgets_as_fast_as_is_asked(tmp_path: Path):
    each = "trainer.ema_decay=0.7", "checkpoint.every_n_steps=1", "checkpoint.keep=9"
    train(made(tmp_path, *each), tmp_path / "run")
    steps = [load_all(of_step(tmp_path / "run", step))[1] for step in range(1, 5)]
    wanted = steps[0]["current_model_state"]
    for step in steps:
        current = step["current_model_state"]
        wanted = {name: 0.7 * weight + 0.3 * current[name] for name, weight in wanted.items()}
        for name, weight in wanted.items():
            torch.testing.assert_close(step["state_dict"][name], weight, rtol=1e-5, atol=1e-7, msg=name)
    assert any(not torch.equal(weight, current[name]) for name, weight in wanted.items())


def test_time_that_is_up_ends_a_run_as_steps_do(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "genolong")
    limits = ("trainer.max_time=00:00:00:01", "trainer.max_steps=100000", "context.accumulation=3")
    done = train(made(tmp_path, *limits), tmp_path / "run")
    assert 0 < done.record["steps"] < 100_000
    with (tmp_path / "run" / "metrics.csv").open() as file:
        validated = [int(row["step"]) for row in csv.DictReader(file) if row["validation/loss"]]
    assert validated[-1] == done.record["steps"] - 1, "it ended with a step, not between two batches of one"
    assert done.record["status"] == "finished" and done.record["metrics"]["validation/loss"] > 0
    assert f"stopped by trainer.max_time after {done.record['steps']} of 100000 steps" in caplog.text


def test_a_number_that_is_none_stops_before_the_step_and_names_its_windows(
    settings: TrainSettings, tmp_path: Path, monkeypatch
):
    sane = MaskedBases.training_step

    def training_step(self: MaskedBases, batch: MaskedBatch, batch_idx: int) -> torch.Tensor:
        loss = sane(self, batch, batch_idx)
        return loss * float("nan") if batch_idx == 3 else loss

    often = replace(settings, checkpoint=replace(settings.checkpoint, every_n_steps=1))
    whole = train(often, tmp_path / "whole")
    monkeypatch.setattr(MaskedBases, "training_step", training_step)
    with pytest.raises(NumericalError, match=r"step 4: .*nothing was updated. Its windows: ") as caught:
        train(often, tmp_path / "run")
    assert caught.value.exit_code == 70
    for window in whole.datamodule.windows_of(3):
        assert str(window) in str(caught.value)
    monkeypatch.undo()
    _, before = load_weights(tmp_path / "run" / "checkpoints" / "last.ckpt")
    assert json.loads((tmp_path / "run" / "record.json").read_text())["steps"] == 3
    assert train(often, tmp_path / "run").record["weights_sha256"] == whole.record["weights_sha256"]
    assert weights_sha256(before) != whole.record["weights_sha256"]


def test_what_a_batch_job_tells_its_tasks_is_not_asked(settings: TrainSettings, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    monkeypatch.setenv("SLURM_NTASKS", "as many as fit")
    assert train(settings, tmp_path / "run").record["status"] == "finished"


def test_a_run_is_not_written_over(settings: TrainSettings, tmp_path: Path):
    done = train(settings, tmp_path / "run")
    with pytest.raises(FinishedRunError, match=r"already holds this run, finished at step"):
        train(settings, tmp_path / "run")
    assert json.loads((tmp_path / "run" / "record.json").read_text()) == done.record


@pytest.mark.parametrize("override", ["context.window_bp=6", "context.window_bp=9999", "data.validation=[chr7]"])
def test_a_run_that_cannot_begin_leaves_nothing(tmp_path: Path, override: str):
    with pytest.raises(InputError):
        train(made(tmp_path, override), tmp_path / "runs" / "train" / "now")
    assert not (tmp_path / "runs").exists()


def test_a_place_that_cannot_be_written_is_told(settings: TrainSettings, tmp_path: Path):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(OutputError, match=r"runs/train/now: cannot be created .*run.folder"):
        train(settings, tmp_path / "runs" / "train" / "now")


@pytest.mark.parametrize(
    ("thrown", "becomes", "words"),
    [
        (SystemExit(1), KeyboardInterrupt, None),
        (SIGTERMException(), Stopped, "143"),
        (torch.OutOfMemoryError("CUDA"), SettingsError, "context: one step needs more memory than is available"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), SettingsError, "needs more memory"),
        (MemoryError(), SettingsError, r"a larger context.checkpoint_blocks"),
        (RuntimeError("a bug"), RuntimeError, "a bug"),
    ],
)
def test_a_run_that_is_stopped_says_so_in_its_record(settings, tmp_path, monkeypatch, thrown, becomes, words):
    def fit(*_, **__) -> None:
        raise thrown

    monkeypatch.setattr(pl.Trainer, "fit", fit)
    with pytest.raises(becomes, match=words):
        train(settings, tmp_path / "run")
    record = json.loads((tmp_path / "run" / "record.json").read_text())
    assert (
        record["status"] == ("stopped: SIGTERM" if becomes is Stopped else f"stopped: {becomes.__name__}")
        and record["steps"] == 0
    )


def test_a_gpu_that_is_not_there_is_refused(settings: TrainSettings, tmp_path: Path):
    with pytest.raises(SettingsError, match=r"trainer.accelerator=cuda: torch sees no CUDA device"):
        train(replace(settings, trainer=replace(settings.trainer, accelerator="cuda")), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert accelerator(settings.trainer, 1) == "cpu" and precision(settings.trainer, 1) == "32-true"


def test_more_gpus_than_there_are_are_refused(settings: TrainSettings, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert accelerator(settings.trainer, 2) == "cuda"
    with pytest.raises(SettingsError, match=r"needs 3 GPUs on this machine, but torch sees 2; use fewer, or trainer.a"):
        accelerator(settings.trainer, 3)
    assert accelerator(replace(settings.trainer, accelerator="cpu"), 3) == "cpu"


def test_a_window_that_is_too_short_is_refused_before_anything_is_left(tmp_path: Path):
    with pytest.raises(SettingsError, match=r"context.window_bp=6 is shorter than the first segment \(7 bases"):
        train(made(tmp_path, "context.window_bp=6"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_will_be_trained_is_told(tmp_path: Path, caplog):
    with caplog.at_level(logging.INFO, "genolong"):
        model = train(made(tmp_path, "trainer.max_steps=1", "context.accumulation=3"), tmp_path / "run").model
    size = sum(weight.numel() for weight in model.parameters())
    told = f"model of {size:,} parameters, window 29 bases, 174 bases a step; attention segments/dilations 7/1 28/2"
    assert any(line.startswith(told) and line.endswith(" pairs a base") for line in caplog.messages), caplog.messages


@pytest.mark.parametrize(("blocks", "does"), [(0, "keep"), (1, "return")])
def test_a_training_that_keeps_all_activations_keeps_freed_memory_too(tmp_path: Path, monkeypatch, blocks, does):
    told = watch_heap(monkeypatch)
    train(made(tmp_path, "trainer.max_steps=1", f"context.checkpoint_blocks={blocks}"), tmp_path / "run")
    assert told == [does]


@pytest.mark.parametrize("asked", ["auto", "32-true", "bf16-mixed"])
@pytest.mark.parametrize("able", [True, False])
def test_where_another_precision_is_faster_that_is_told(settings, monkeypatch, asked, able):
    for where in (trainer, precision_choice):
        monkeypatch.setattr(where, "multiplies_bfloat16", lambda: able)
    faster = "in float32; this processor also multiplies bfloat16, so trainer.precision=bf16-mixed may train faster"
    told = {
        ("auto", True): faster,
        ("bf16-mixed", False): "trainer.precision=bf16-mixed is no faster here, and may be four times slower: PyTorch",
    }.get((asked, able))
    notes = precision_notes(replace(settings.trainer, precision=asked), 1)
    assert len(notes) == (told is not None) and (told is None or notes[0].startswith(told))


def test_attention_in_triton_learns_the_same_and_is_told(tmp_path: Path):
    pytest.importorskip("triton")
    short, found = ("trainer.max_steps=1", "trainer.validate_every=1", "data.validation_windows=1"), []
    for kernels in ("triton", "aten"):
        with interpreted():
            done = train(made(tmp_path, *short, f"trainer.attention={kernels}"), tmp_path / kernels)
        assert done.record["attention"] == kernels
        found += [float(row["train/loss"]) for row in rows(tmp_path / kernels) if row["train/loss"]]
    assert found[0] == pytest.approx(found[1], rel=1e-5)


def test_wandb_that_is_not_installed_is_refused(settings: TrainSettings, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("genolong.commands.training.trainer.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"logger.wandb=true: wandb is not installed; run `pip install"):
        train(replace(settings, logger=replace(settings.logger, wandb=True)), tmp_path / "run")
    assert not (tmp_path / "run").exists()
