"""The tutorial's commands, typed as they stand there into a checkout of their own, at small sizes."""

import gzip
import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pyarrow.parquet
import pysam
import pytest
from safetensors import safe_open

from tests.docs.pages import DOCS, PAGES, PROJECT, Block, blocks
from tests.docs.small_project import environment, make_small_project

TUTORIAL = blocks(DOCS / "tutorial.md")
CODE = [block for page in PAGES for block in blocks(page) if block.language == "python"]
Printed = dict[str, str]  # what each block printed, by its text


def type_in(project: Path, block: Block) -> str:
    """What a block prints: into a shell that stops at the first mistake, or into Python."""
    words = ["bash", "-euo", "pipefail", "-c", block.text]
    if block.language == "python":
        words = [sys.executable, "-c", block.text]
    done = subprocess.run(words, cwd=project, env=environment(project / "home"), capture_output=True, text=True)
    assert done.returncode == 0, f"{block.name}: {done.stderr}"
    return done.stdout


def output_of(printed: Printed, words: str) -> str:
    (found,) = (output for text, output in printed.items() if words in text)
    return found


def test_the_quick_start_as_it_is_typed(tmp_path: Path):
    project = make_small_project(tmp_path)
    (block,) = (block for block in TUTORIAL if "scripts/quickstart" in block.text)
    check_the_run(project, {block.text: type_in(project, block)})


@pytest.mark.nightly
def test_the_tutorial_as_it_is_typed(tmp_path: Path):
    """One test, for its parts need the run that its first command makes, and other processes would make it again."""
    project, printed = make_small_project(tmp_path), {}
    for block in TUTORIAL:
        printed[block.text] = type_in(project, block)
    check_the_run(project, printed)
    check_the_map(project, printed)
    check_the_scores(project, printed)
    verdict = output_of(printed, "reproduce")
    assert "the weights are the same to the last bit" in verdict and "figures are the same" in verdict
    check_the_embeddings(project, printed)
    check_the_model(project, printed)
    check_the_picture(project)
    for block in CODE:
        if block not in TUTORIAL and not block.not_run:
            type_in(project, block)


def check_the_run(project: Path, printed: Printed) -> None:
    table = output_of(printed, "scripts/quickstart")
    assert "k-mer 5+5 (best)" in table and "perfect reader" in table
    run = project / "runs" / "quickstart" / "latest"
    record = json.loads((run / "record.json").read_text())
    assert record["status"] == "finished" and record["steps"] == 60
    assert "model/loss" in {figure["name"] for figure in json.loads((run / "evaluation.json").read_text())}
    page = (run / "report.html").read_text(encoding="utf-8")
    HTMLParser().feed(page)
    assert "<svg" in page


def check_the_map(project: Path, printed: Printed) -> None:
    with gzip.open(project / "data" / "demo" / "truth.bed.gz", "rt") as truth:
        assert set(output_of(printed, "$2 >= 420000").splitlines()) < set(truth.read().splitlines())
    with pysam.VariantFile(str(project / "region.vcf.gz")) as mapped:
        assert [record.pos for record in mapped] == [*range(420_001, 420_101)]
    assert (project / "region.png").read_bytes().startswith(b"\x89PNG")
    written = {path.name for path in project.glob("region*")}
    assert {"region.tsv", "region.svg", "region.importance.bedgraph", "region.uncertainty.bedgraph"} <= written


def check_the_scores(project: Path, printed: Printed) -> None:
    with pysam.VariantFile(str(project / "scored.vcf.gz")) as scored:
        statuses = [record.info["GENOLONG_STATUS"][0] for record in scored]
    assert len(statuses) == 2000 and set(statuses) <= {"ok", "edge", "n_rich"}
    head, first, *_ = shown = output_of(printed, "genolong predict").splitlines()
    assert head.startswith("#CHROM") and len(shown) == 5 and "GENOLONG_LLR=" in first
    assert "k-mer counter 5+5" in output_of(printed, "evaluate vcf=")
    figures = json.loads((project / "scored.vcf.gz.evaluation.json").read_text())
    assert any("auroc" in figure["name"] for figure in figures)
    assert "<svg" in (project / "scored.vcf.gz.evaluation.report.html").read_text(encoding="utf-8")


def check_the_embeddings(project: Path, printed: Printed) -> None:
    table = pyarrow.parquet.read_table(project / "motifs.parquet")
    assert table.num_rows == 300 and table.schema.field("embedding").type.list_size == 64
    assert "% of the motifs" in output_of(printed, "read_table")


def check_the_model(project: Path, printed: Printed) -> None:
    assert output_of(printed, "genolong.load").startswith("(14, 4)\nScore(llr=")
    with safe_open(str(project / "my_model" / "model.safetensors"), "numpy") as weights:
        assert [*weights.keys()]
    assert "perfect reader" in (project / "my_model" / "README.md").read_text(encoding="utf-8")


def check_the_picture(project: Path) -> None:
    """Of the README, as it is drawn from the run."""
    command = [sys.executable, PROJECT / "scripts" / "draw_demo", "runs/quickstart/latest", "--bases", "30"]
    drawn = project / "demo.svg"
    subprocess.run([*command, "--output", drawn], cwd=project, env=environment(project / "home"), check=True)
    ElementTree.parse(drawn)


@pytest.mark.parametrize("block", CODE, ids=lambda block: block.name)
def test_code_on_the_pages_is_python(block: Block):
    compile(block.text, block.name, "exec")
