"""On a GPU: kernels agree with float64, and the commands run and give the scores that a CPU gives."""

import json
import subprocess
import sys
from pathlib import Path

import pysam
import pytest

from tests.builders.gpu import gpu_environment, has_gpu

pytestmark = pytest.mark.skipif(not has_gpu(), reason="needs an NVIDIA GPU")
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
