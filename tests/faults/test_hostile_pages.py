"""Pages of a stranger's records, logs and VCFs: whatever is in them is text, and nothing runs."""

import json
from pathlib import Path
from typing import Any

import pytest

from genolong.commands.evaluation.evaluate_variants import evaluate_variants
from genolong.commands.pages.report import report
from genolong.commands.pages.report_settings import ReportSettings
from genolong.errors import InputError
from tests.builders.evaluations import evaluation_settings
from tests.builders.pages import Page, assert_sound
from tests.builders.scored_vcfs import scored_vcf

NASTY = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&$x$"
CONTEXT = {"window_bp": 29, "batch": 2, "accumulation": 1}


def page_of(run: Path) -> Page:
    written = report(ReportSettings(run=str(run), vcf=None, output=None, debug=False))
    assert written.parent == (run if run.is_dir() else run.parent), "a record chooses no place to write to"
    return assert_sound(written.read_text(encoding="utf-8"))


def run_of(folder: Path, **record: Any) -> Path:
    """A run's folder with that record."""
    (folder / "record.json").write_text(json.dumps({"made_by": "train", "status": "finished", **record}))
    return folder


def test_names_in_a_record_and_beside_it_run_nothing(tmp_path: Path):
    contig = {"contig": NASTY, "length": 1, "train": NASTY, "validation": 0}
    run = run_of(
        tmp_path, started=NASTY, status=NASTY, command=[NASTY], resumed=[{"step": 1, "from": NASTY}],
        settings={"run": {"name": NASTY, "folder": "/elsewhere"}, NASTY: {NASTY: NASTY}, "context": CONTEXT},
        split={"contigs": [contig], "notes": [NASTY]}, inputs_sha256={NASTY: NASTY}, versions={NASTY: NASTY},
        machine={"system": NASTY}, code={"commit": NASTY}, weights_sha256=NASTY,
    )  # fmt: skip
    (run / "metrics.csv").write_text("step,train/loss\n0,1.5\n1,1.4\n")
    figure = {"name": f"{NASTY}/bits", "value": 1.5, "unit": NASTY, "n": 3, "standard_error": None}
    (run / "evaluation.json").write_text(json.dumps([figure]))
    page = page_of(run)
    assert page.text.count("<script>alert(1)</script>") > 12 and len(page.all("svg")) == 2
    assert page.text.startswith(f"Training {run.name} ")
    (run / "metrics.csv").write_text(f"step,train/loss\n0,{NASTY}\n")
    assert "could not convert string to float" in page_of(run).text


def test_names_in_a_vcf_run_nothing(tmp_path: Path):
    nasty = NASTY.replace(" ", "_").replace("=", ":")
    (tmp_path / "in.vcf").write_bytes(scored_vcf(genes=(nasty, "日本", "\u202e")))
    evaluate_variants(evaluation_settings(f"vcf={tmp_path / 'in.vcf'}", "label=CLASS", "strata=GENE", "bootstrap=0"))
    page = page_of(tmp_path / "in.vcf.evaluation.json")
    assert "<script>alert(1)</script>" in page.text and "日本" in page.text and r"\u202e" in page.text
    assert "\u202e" not in page.text


@pytest.mark.parametrize(
    "settings", [{"run": 3, "context": CONTEXT}, {"context": {"window_bp": "x"}}, {"context": [], "trainer": 3}]
)
def test_settings_of_another_shape_are_refused_in_one_line(tmp_path: Path, settings: dict[str, Any]):
    (tmp_path / "metrics.csv").write_text("step,train/loss\n0,1.5\n")
    with pytest.raises(InputError, match=r"record.json: is not as genolong writes it \(\w+: "):
        page_of(run_of(tmp_path, settings=settings))
    assert not (tmp_path / "report.html").exists()


def test_settings_without_end_are_refused(tmp_path: Path):
    (tmp_path / "record.json").write_text('{"settings": ' + '{"a": ' * 100_000 + "1" + "}" * 100_000 + "}")
    with pytest.raises(InputError, match="is not JSON"):
        page_of(tmp_path)
