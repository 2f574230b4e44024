"""On a GPU: kernels agree with float64, and the commands run and give the scores that a CPU gives."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pysam
import pytest

from tests.builders.gpu import gpu_environment, gpus

pytestmark = pytest.mark.skipif(not gpus(), reason="needs an NVIDIA GPU")
PROJECT = Path(__file__).resolve().parents[1]
SHORT = ("model=mini", "context=2k", "trainer.max_steps=4", "trainer.validate_every=2", "data.validation_windows=2")


def run(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=PROJECT, env=gpu_environment(), capture_output=True, text=True
    )  # fmt: skip
    assert not done.returncode, done.stderr[-3000:]


@pytest.mark.parametrize("program", ["attention_on_gpu", "passes_on_gpu"])
def test_kernels_agree_with_float64(program):
    run(f"tests.builders.{program}")


def scores(path: Path) -> list[float]:
    with pysam.VariantFile(str(path)) as vcf:
        return [value for record in vcf for value in record.info["GENOLONG_LLR"] if value is not None]


@pytest.mark.parametrize("attention", ["auto", "aten", "triton"])
def test_what_is_trained_on_a_gpu_is_scored_as_on_a_cpu(attention, tmp_path):
    home = f"hydra.run.dir={tmp_path / 'run'}"
    run("genolong", "train", *SHORT, home, "trainer.accelerator=cuda", f"trainer.attention={attention}")
    record = json.loads((tmp_path / "run/record.json").read_text())
    assert record["steps"] == 4 and record["attention"] == {"auto": "flash"}.get(attention, attention)
    run("genolong", "evaluate", f"model={tmp_path / 'run'}", "device=cuda", f"attention={attention}")
    found = []
    for device, kernels, precision in (
        ("cuda", attention, "32-true"), ("cuda", attention, "bf16-mixed"), ("cpu", "auto", "32-true")
    ):  # fmt: skip
        out = tmp_path / f"{device}_{precision}.vcf.gz"
        run(
            "genolong", "predict", f"model={tmp_path / 'run'}", "vcf=data/demo/variants.vcf.gz",
            f"output={out}", "mode=unmasked", f"trainer.accelerator={device}", f"trainer.attention={kernels}",
            f"precision={precision}",
        )  # fmt: skip
        found.append(scores(out))
    assert len(found[0]) == len(found[1]) == len(found[2]) > 100
    assert found[0] == pytest.approx(found[2], abs=2e-2)
    assert found[1] == pytest.approx(found[2], abs=5e-2)


def losses(folder: Path) -> list[float]:
    with (folder / "metrics.csv").open() as file:
        return [float(row["train/loss"]) for row in csv.DictReader(file) if row["train/loss"]]


@pytest.mark.skipif(gpus() < 2, reason="needs two NVIDIA GPUs")
@pytest.mark.parametrize("shared", ["false", "true"])
def test_two_gpus_that_share_windows_learn_and_score_as_one(shared, tmp_path):
    for devices in ("1", "2"):
        at = (f"trainer.devices={devices}", f"parallel.sequence={devices}", "trainer.accelerator=cuda")
        model = tmp_path / f"run{devices}"
        weights = f"parallel.share_weights={shared if devices == '2' else 'false'}"
        run("genolong", "train", *SHORT, f"hydra.run.dir={model}", weights, *at)
        run(
            "genolong", "predict", f"model={tmp_path / 'run1'}", "vcf=data/demo/variants.vcf.gz",
            f"output={tmp_path / devices}.vcf.gz", "mode=unmasked", *at,
        )  # fmt: skip
    assert len(losses(tmp_path / "run1")) == 4
    assert losses(tmp_path / "run2") == pytest.approx(losses(tmp_path / "run1"), abs=1e-2)
    assert scores(tmp_path / "2.vcf.gz") == pytest.approx(scores(tmp_path / "1.vcf.gz"), abs=2e-2)
