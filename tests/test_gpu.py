"""On GPUs, real or else emulated: kernels agree with float64, and commands do what they do on a CPU.

Emulated ones show what is on a wrong device or not defined there, and wrong numbers; neither speed nor a GPU's memory.
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pysam
import pytest

from tests.builders.forked_programs import FailedProgram, Program, forked_programs
from tests.builders.gpu import PROJECT, emulated_environment, gpu_environment, gpus, no_emulation

REAL, VCF = gpus(), PROJECT / "data/demo/variants.vcf.gz"
SMALL = (  # what an interpreter can do
    "model.layers=2", "model.width=32", "model.segment=64", "context.window_bp=151", "context.batch=1",
)  # fmt: skip
SIZE = () if REAL else SMALL
STEPS = 4 if REAL else 2
FEW = (f"trainer.max_steps={STEPS}", "trainer.validate_every=2", "data.validation_windows=1")
SHORT = ("model=mini", "context=2k", *FEW, *SIZE)
LONGER = ("context.window_bp=2048", "context.batch=2")  # for two devices
EVERY, LABELLED_EVERY = (1, 1) if REAL else (400, 200)  # variants
IN_PYTHON = """
import sys, genolong, numpy
run, device, out = sys.argv[1:]
model, bases = genolong.load(run, device), "ACGT?NGATTACA" * 11
numpy.save(out, [model.embed(bases), model.embed(bases, layer=1), model.embed(bases, both_strands=True)])
numpy.save(out.replace(".", "_logits."), model.logits(bases))
"""

NEEDS_TWO = pytest.mark.skipif(REAL == 1, reason="needs two NVIDIA GPUs")
pytestmark = pytest.mark.skipif(not REAL and bool(no_emulation()), reason=f"no GPU, and {no_emulation()}")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Runs Python, with its words, as a program that sees the GPUs and must succeed."""
    environment = gpu_environment() if REAL else emulated_environment(2)
    with forked_programs(environment, tmp_path_factory.mktemp("programs")) as run:
        yield run


@pytest.mark.parametrize("other", ["cpu", pytest.param("cuda:1", marks=NEEDS_TWO)])
def test_tensors_of_several_devices_are_refused(other: str, run: Program):
    code = f"import torch; torch.zeros(3, device='cuda') + torch.zeros(3, device={other!r})"
    with pytest.raises(FailedProgram, match=r"^1\n(.*\n)*RuntimeError: .*device.*\n$"):
        run("-c", code)


def write_some(path: Path, every: int) -> Path:
    """Write every so many of the demo's variants."""
    with pysam.VariantFile(str(VCF)) as source, pysam.VariantFile(str(path), "w", header=source.header) as some:
        for number, record in enumerate(source):
            if number % every == 0:
                some.write(record)
    return path


@pytest.fixture(scope="module")
def variants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_some(tmp_path_factory.mktemp("variants") / "some.vcf", EVERY)


@pytest.fixture(scope="module")
def on_cpu(run: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training on the CPU."""
    home = tmp_path_factory.mktemp("cpu") / "run"
    run("-m", "genolong", "train", *SHORT, f"hydra.run.dir={home}", "trainer.accelerator=cpu")
    return home


@pytest.mark.skipif(not REAL, reason="needs an NVIDIA GPU; interpreted kernels are compared where they are tested")
@pytest.mark.parametrize("program", ["attention_on_gpu", "passes_on_gpu"])
def test_kernels_agree_with_float64(run: Program, program: str):
    run("-m", f"tests.builders.{program}")


def scores(path: Path, field: str = "LLR") -> list[float]:
    with pysam.VariantFile(str(path)) as vcf:
        return [value for record in vcf for value in record.info[f"GENOLONG_{field}"] if value is not None]


def learned(folder: Path, column: str = "loss") -> list[float]:
    with (folder / "metrics.csv").open() as file:
        return [float(row[f"train/{column}"]) for row in csv.DictReader(file) if row["train/loss"]]


@pytest.mark.parametrize(
    "attention", ["auto", "aten", pytest.param("triton", marks=() if REAL else pytest.mark.nightly)]
)
def test_what_is_trained_on_a_gpu_is_learned_and_scored_as_on_a_cpu(
    run: Program, attention: str, on_cpu: Path, variants: Path, tmp_path: Path
):  # fmt: skip
    home = tmp_path / "run"
    at = "trainer.accelerator=cuda", f"trainer.attention={attention}"
    run("-m", "genolong", "train", *SHORT, f"hydra.run.dir={home}", *at)
    record = json.loads((home / "record.json").read_text())
    assert record["steps"] == STEPS and record["attention"] == {"auto": "flash"}.get(attention, attention)
    assert learned(home) == pytest.approx(learned(on_cpu), abs=5e-3)
    assert learned(home, "gradient_norm") == pytest.approx(learned(on_cpu, "gradient_norm"), rel=2e-2)
    run("-m", "genolong", "evaluate", f"model={home}", "device=cuda", f"attention={attention}", "windows=1")
    found = []
    for device, kernels, precision in (
        ("cuda", attention, "32-true"), ("cuda", attention, "bf16-mixed"), ("cpu", "auto", "32-true")
    ):  # fmt: skip
        out = tmp_path / f"{device}_{precision}.vcf.gz"
        run(
            "-m", "genolong", "predict", f"model={home}", f"vcf={variants}", f"output={out}", "mode=unmasked",
            f"trainer.accelerator={device}", f"trainer.attention={kernels}", f"precision={precision}",
        )  # fmt: skip
        found.append(scores(out))
    assert len(found[0]) == len(found[1]) == len(found[2]) > 1000 // EVERY
    assert found[0] == pytest.approx(found[2], abs=2e-2 if REAL else 2e-4)
    assert found[1] == pytest.approx(found[2], abs=5e-2 if REAL else 5e-3)


def across(gpus: int) -> tuple[str, ...]:
    """Settings that let so many GPUs share every window."""
    at = (f"trainer.devices={gpus}", f"parallel.sequence={gpus}", "trainer.accelerator=cuda")
    return at if REAL else (*at, "trainer.attention=aten")


@pytest.fixture(scope="module")
def on_one(run: Program, variants: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training on one GPU, `run`, and the scores of its model there."""
    home = tmp_path_factory.mktemp("one")
    run("-m", "genolong", "train", *SHORT, *LONGER, f"hydra.run.dir={home / 'run'}", *across(1))
    score(run, home / "run", variants, home, *across(1))
    return home


def score(run: Program, model: Path, variants: Path, folder: Path, *at: str) -> None:
    """Write the variants' scores into a folder."""
    output = f"output={folder / 'scores.vcf.gz'}"
    run("-m", "genolong", "predict", f"model={model}", f"vcf={variants}", output, "mode=unmasked", *at)


@NEEDS_TWO
@pytest.mark.parametrize("shared", ["false", "true"])
def test_two_gpus_that_share_windows_learn_and_score_as_one(
    run: Program, shared: str, on_one: Path, variants: Path, tmp_path: Path
):  # fmt: skip
    weights, home = f"parallel.share_weights={shared}", tmp_path / "run"
    run("-m", "genolong", "train", *SHORT, *LONGER, f"hydra.run.dir={home}", weights, *across(2))
    score(run, on_one / "run", variants, tmp_path, *across(2))
    assert len(learned(home)) == STEPS
    for column, most in (("loss", 1e-2), ("gradient_norm", 2e-2)):
        assert learned(home, column) == pytest.approx(learned(on_one / "run", column), abs=most)
    found, alone = (scores(folder / "scores.vcf.gz") for folder in (tmp_path, on_one))
    assert found == pytest.approx(alone, abs=2e-2 if REAL else 5e-3)


def differs(one: Path, other: Path) -> float:
    """The largest difference of embeddings."""
    found = [pyarrow.parquet.read_table(path)["embedding"].to_pylist() for path in (one, other)]
    return float(abs(np.array(found[0]) - np.array(found[1])).max())


def test_a_head_maps_and_embeddings_are_as_on_a_cpu(run: Program, on_cpu: Path, tmp_path: Path):
    labelled = write_some(tmp_path / "labelled.vcf", LABELLED_EVERY)
    bed = tmp_path / "regions.bed"
    bed.write_text("chr1\t1000\t1149\nchr2\t5000\t5113\n")
    on_gpu = ("trainer.accelerator=cuda", *(() if REAL else ("trainer.attention=aten",)))
    head = (
        "task=variant_effect", f"init_from={on_cpu}", f"data.vcf={labelled}", "data.label=LABEL", "encoder=tuned",
        "trainer.max_steps=3", "trainer.validate_every=3", "trainer.precision=32-true", "head.around=[0,4]",
        "head.flank=4", "batch=4", "data.validation=[chr2]",
    )  # fmt: skip
    for name, at in (("cpu", ("trainer.accelerator=cpu",)), ("gpu", on_gpu)):
        read = (f"model={on_cpu}", f"regions={bed}", *at, f"trainer.devices={1 if name == 'cpu' else REAL or 2}")
        run("-m", "genolong", "embed", *read, f"output={tmp_path / name}_rows.parquet")
        run("-m", "genolong", "map", *read, f"output={tmp_path / name}", "pictures=0", "mode=unmasked")
        run("-m", "genolong", "train", *head, *at, f"hydra.run.dir={tmp_path / name}_head")
        read = (f"model={tmp_path / 'cpu_head'}", f"vcf={labelled}", f"output={tmp_path / name}_chances.vcf.gz")
        run("-m", "genolong", "predict", *read, *at, "mode=unmasked", "flank=4")
    assert differs(tmp_path / "cpu_rows.parquet", tmp_path / "gpu_rows.parquet") < 1e-3
    mapped = [scores(tmp_path / f"{name}.vcf.gz") for name in ("cpu", "gpu")]
    assert mapped[1] == pytest.approx(mapped[0], abs=2e-2 if REAL else 2e-4) and len(mapped[0]) == 3 * (149 + 113)
    assert learned(tmp_path / "gpu_head") == pytest.approx(learned(tmp_path / "cpu_head"), abs=1e-3)
    chances = [scores(tmp_path / f"{name}_chances.vcf.gz", "PROB") for name in ("cpu", "gpu")]
    assert chances[1] == pytest.approx(chances[0], abs=1e-3) and len(chances[0]) > 1000 // LABELLED_EVERY


def test_in_python_any_gpu_gives_what_a_cpu_gives(run: Program, on_cpu: Path, tmp_path: Path):
    found = []
    for device in ("cpu", f"cuda:{(REAL or 2) - 1}"):
        out = tmp_path / f"{device[:3]}.npy"
        run("-c", IN_PYTHON, on_cpu, device, out)
        found.append([np.load(out), np.load(tmp_path / f"{device[:3]}_logits.npy")])
    for one, other in zip(*found, strict=True):
        assert np.abs(one - other).max() < 1e-3 < np.abs(one).max()
