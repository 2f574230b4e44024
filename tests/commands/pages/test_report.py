"""report: pages of trainings and evaluations say what the files say, escape it, and run and load nothing."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from genolong.commands.evaluation.evaluate import evaluate
from genolong.commands.evaluation.evaluate_variants import evaluate_variants
from genolong.commands.pages.report import report
from genolong.commands.pages.report_settings import ReportSettings
from genolong.commands.training.train import train
from genolong.commands.training.train_variants import train_variants
from genolong.errors import InputError, MissingInputError, OutputError, SettingsError
from genolong.genome.files.hashed import sha256_of
from tests.builders.evaluations import evaluation_settings
from tests.builders.pages import Page, assert_sound
from tests.builders.resumed_runs import settings_of
from tests.builders.scored_vcfs import scored_vcf
from tests.builders.variant_training import make_home
from tests.builders.variant_training import settings as head_settings


def asked(run: Path, **more: Any) -> ReportSettings:
    return ReportSettings(**{"run": str(run), "vcf": None, "output": None, "debug": False, **more})


def page_of(run: Path, **more: Any) -> Page:
    return assert_sound(report(asked(run, **more)).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a training, evaluated, and an evaluated VCF."""
    home = tmp_path_factory.mktemp("reported")
    train(settings_of(home, "trainer.max_steps=6", "trainer.validate_every=2"), home / "run")
    evaluate(evaluation_settings(f"model={home / 'run'}", "device=cpu"))
    (home / "scored.vcf").write_bytes(scored_vcf())
    evaluate_variants(
        evaluation_settings(
            f"vcf={home / 'scored.vcf'}", "label=CLASS", "strata=GENE", "baselines=[CADD]", "bootstrap=40"
        )
    )
    return home


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made / "run", tmp_path / "run", symlinks=True)
    return tmp_path / "run"


@pytest.fixture
def evaluated(made: Path, tmp_path: Path) -> Path:
    """The figures of a VCF, copied elsewhere with their record."""
    for name in ("scored.vcf.evaluation.json", "scored.vcf.evaluation.record.json"):
        shutil.copy(made / name, tmp_path)
    return tmp_path / "scored.vcf.evaluation.json"


def changed(path: Path, **values: Any) -> dict[str, Any]:
    record = {**json.loads(path.read_text()), **values}
    path.write_text(json.dumps(record))
    return record


def test_a_training_is_told_from_its_files(run: Path):
    page = page_of(run)
    record = json.loads((run / "record.json").read_text())
    assert page.text.count("finished") >= 2 and f"{record['bases']:,}" in page.text
    for told in (record["weights_sha256"], *record["inputs_sha256"].values(), record["versions"]["torch"]):
        assert told in page.text
    assert "one 811 " in page.text and "two 401 " in page.text and "training on" in page.text
    assert f"python -m genolong reproduce run={run.resolve()}" in page.text
    assert "optimizer.learning_rate" in page.text and "model.width 6" in page.text
    assert "peak memory of the first process" in page.text
    figures = {figure["name"]: figure for figure in json.loads((run / "evaluation.json").read_text())}
    for name in ("model/bits", "best_kmer/bits"):
        assert f"{figures[name]['value']:.3f}" in page.text
    titles = [each.attributes["aria-label"] or "" for each in page.all("svg")]
    assert [title.split(":")[0] for title in titles] == [
        "Loss over steps", "Learning rate over steps", "Accuracy on held-out bases over steps",
        "Gradient norm over steps", "Bits a base for every reader",
    ]  # fmt: skip
    assert "not been evaluated" not in page.text and not [
        each for each in page.elements if each.attributes.get("class") == "warning"
    ]


@pytest.mark.parametrize("asked", [{"fasta": "other.fa"}, {"validation": ["one"]}, {"regions": "other.bed"}])
def test_figures_of_other_bases_are_not_shown_as_those_of_the_training(run: Path, asked: dict[str, Any]):
    evaluated = json.loads((run / "evaluation.record.json").read_text())
    shown = "Bits a base for every reader"
    assert shown in [(each.attributes["aria-label"] or "").split(":")[0] for each in page_of(run).all("svg")]
    settings = {**evaluated["settings"], "data": {**evaluated["settings"]["data"], **asked}}
    read = {"other.fa": "0" * 64} if "fasta" in asked else evaluated["inputs_sha256"]
    changed(run / "evaluation.record.json", settings=settings, inputs_sha256=read)
    page = page_of(run)
    assert shown not in [(each.attributes["aria-label"] or "").split(":")[0] for each in page.all("svg")]
    assert "bits a base" not in page.text.lower()


def test_a_heads_training_is_told_from_its_files(tmp_path: Path):
    few = ("trainer.max_steps=4", "trainer.validate_every=2")
    done = train_variants(head_settings(make_home(tmp_path), *few), tmp_path / "head")
    page = page_of(done.folder)
    assert "Held-out alleles" in page.text and len(page.all("svg")) >= 2
    for words, value in (
        ("AUROC", done.record["metrics"]["validation/auroc"]),
        ("AUROC of the LLR alone", done.record["zero_shot"]["auroc"]),
    ):
        assert f"{words} {value:.4f}" in page.text
    assert f"alleles for training {done.record['alleles']['train']:,}" in page.text
    changed(done.folder / "record.json", alleles=None, metrics=None, zero_shot=None)
    assert "The record holds no figures yet." in page_of(done.folder).text


def test_settings_are_folded_until_they_are_asked_for(run: Path):
    page = page_of(run)
    assert all("open" not in each.attributes for each in page.all("details")) and len(page.all("details")) > 10
    assert len(page.all("details")) == len(page.all("summary"))


def test_it_is_readable_on_a_phone_in_the_dark_and_on_paper(run: Path):
    page = page_of(run)
    (viewport,) = (each for each in page.all("meta") if each.attributes.get("name") == "viewport")
    assert viewport.attributes["content"] == "width=device-width, initial-scale=1"
    written = (run / "report.html").read_text()
    assert "prefers-color-scheme: dark" in written and "@media print" in written
    for each in page.all("table"):
        assert each.inside[-1] == "div" or "details" in each.inside or "section" in each.inside


def test_a_training_that_was_not_evaluated_says_how_it_is(run: Path):
    (run / "evaluation.json").unlink()
    page = page_of(run)
    assert f"not been evaluated yet; to evaluate it: python -m genolong evaluate model={run.resolve()}" in page.text


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda run: changed(run / "evaluation.record.json", model_sha256="0"), "not measured with the final weights"),
        (
            lambda run: changed(run / "evaluation.record.json", inputs_sha256={"other.fa": "0"}),
            "evaluation.json is about bases other than those this training held out, and is left out",
        ),
        (lambda run: changed(run / "evaluation.record.json", output_sha256="0"), "has changed since evaluate wrote it"),
        (lambda run: (run / "evaluation.record.json").unlink(), "what it was measured on is unknown"),
        (lambda run: (run / "evaluation.json").write_text("[{]"), "holds no figures"),
        (lambda run: (run / "metrics.csv").write_text("step,train/loss\n0,1.x\n"), "metrics.csv, line 2"),
        (lambda run: (run / "metrics.csv").unlink(), "metrics.csv: cannot be read"),
        (
            lambda run: changed(run / "record.json", status="stopped: SIGTERM"),
            "has not finished; its record says: stopped",
        ),
    ],
)
def test_what_a_reader_must_know_is_said(run: Path, change: Any, line: str):
    change(run)
    page = page_of(run)
    assert line in page.text
    assert [each for each in page.elements if each.attributes.get("class") == "warning"]


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_row_that_is_being_written_is_no_row(run: Path, cut: int):
    log = (run / "metrics.csv").read_bytes()
    (run / "metrics.csv").write_bytes(log[:-cut])
    assert len(page_of(run).all("svg")) == 5
    header = log.split(b"\n")[0] + b"\n"
    (run / "metrics.csv").write_bytes(header)
    assert "No step has been logged yet." in page_of(run).text


def test_a_record_of_an_earlier_version_is_told_as_far_as_it_goes(run: Path):
    path = run / "record.json"
    record = json.loads(path.read_text())
    for name in ("split", "peak_memory_bytes", "made_by", "regions_sha256", "code"):
        del record[name]
    path.write_text(json.dumps(record))
    text = page_of(run).text
    assert "does not say how the genome was split" in text and "Memory was not recorded" in text


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"steps": 3, "metrics": 7}, "is not as genolong writes it"),
        ({"made_by": "predict"}, "made by 'predict'; wanted a training's folder, or a file that evaluate wrote"),
        ({"settings": 3}, "holds no settings"),
    ],
)
def test_what_is_no_record_of_these_is_refused(run: Path, values: dict[str, Any], line: str):
    changed(run / "record.json", **values)
    with pytest.raises(InputError, match=line):
        report(asked(run))
    assert not (run / "report.html").exists()


def test_figures_of_other_weights_are_no_key_figures(run: Path):
    assert "bits a base (evaluate)" in page_of(run).text
    changed(run / "evaluation.record.json", model_sha256="0" * 64)
    text = page_of(run).text
    assert "bits a base (evaluate)" not in text
    assert "evaluation.json was not measured with the final weights of this training." in text


def test_a_page_replaces_only_a_page(run: Path, tmp_path: Path):
    (tmp_path / "x.html").write_text("of a year's work")
    with pytest.raises(OutputError, match=r"x.html: exists, and is not a page; name another file, or remove this one"):
        report(asked(run, output=str(tmp_path / "x.html")))
    assert (tmp_path / "x.html").read_text() == "of a year's work"
    assert report(asked(run)).read_text() == report(asked(run)).read_text()


def test_a_run_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(MissingInputError, match="has no training in it; name the folder of a training, or one with"):
        report(asked(tmp_path))
    with pytest.raises(MissingInputError, match="no such record; name a run's folder"):
        report(asked(tmp_path / "none"))
    (tmp_path / "config.json").touch()
    with pytest.raises(MissingInputError, match="an exported model has none; name the run that it was exported from"):
        report(asked(tmp_path))


def test_only_a_page_is_written_over(run: Path, tmp_path: Path):
    with pytest.raises(SettingsError, match=r"record.json: wanted the name of a page, which ends in .html"):
        asked(run, output=str(run / "record.json"))
    assert report(asked(run, output=str(tmp_path / "p.html"))) == tmp_path / "p.html"
    with pytest.raises(OutputError, match=r"there is no folder"):
        report(asked(run, output=str(tmp_path / "no" / "p.html")))


def test_an_evaluation_of_a_vcf_is_told_from_its_files(evaluated: Path):
    page = page_of(evaluated)
    figures = {figure["name"]: figure["value"] for figure in json.loads(evaluated.read_text())}
    assert (evaluated.parent / "scored.vcf.evaluation.report.html").is_file()
    for name in ("GENOLONG_LLR", "GENOLONG_PROB", "CADD"):
        low, high = (figures[f"vcf/{name}/auroc_{end}"] for end in ("low", "high"))
        assert f"{figures[f'vcf/{name}/auroc']:.3f} {low:.3f}–{high:.3f}" in page.text
    assert f"all figures {len(figures)}" in page.text
    titles = [(each.attributes["aria-label"] or "").split(":")[0] for each in page.all("svg")]
    assert titles == [
        "True against false positive rate", "Precision against recall", "Calibration of GENOLONG_PROB",
        "-GENOLONG_LLR by class", "-GENOLONG_LLR by GENE", "GENOLONG_PROB by class", "GENOLONG_PROB by GENE",
        "CADD by class", "CADD by GENE",
    ]  # fmt: skip
    assert "ok 92 98.9%" in page.text and "ref_mismatch 1 1.1%" in page.text
    assert "AUROC by GENE" in page.text and "vcf/GENOLONG_LLR/GENE=g0/auroc" in page.text
    assert f"genolong reproduce run={evaluated.resolve()}" in page.text


def test_its_record_can_be_named_too(evaluated: Path):
    record = evaluated.with_name("scored.vcf.evaluation.record.json")
    page = page_of(record, output=str(evaluated.with_name("p.html")))
    assert page.text.startswith("Evaluation scored.vcf.evaluation.json")


def test_what_only_k_mers_needed_is_not_needed_for_the_page(evaluated: Path):
    record = evaluated.with_name("scored.vcf.evaluation.record.json")
    settings = json.loads(record.read_text())["settings"]
    data = {**settings["data"], "fasta": "gone.fa"}
    changed(record, settings={**settings, "model": "gone", "synonyms": "gone.txt", "data": data})
    assert len(page_of(evaluated).all("svg")) == 9


def test_of_very_many_figures_the_first_are_shown(evaluated: Path, monkeypatch):
    monkeypatch.setattr("genolong.commands.pages.evaluation_page.MOST_FIGURES", 3)
    several = len(json.loads(evaluated.read_text()))
    assert f"all figures the first 3 of {several}" in page_of(evaluated).text


def test_figures_of_no_scores_are_refused(evaluated: Path):
    evaluated.write_text("[]")
    changed(evaluated.with_name("scored.vcf.evaluation.record.json"), output_sha256=sha256_of(evaluated))
    with pytest.raises(InputError, match="holds no figures of a VCF's scores; evaluate again"):
        report(asked(evaluated))


def test_a_vcf_that_changed_since_is_refused_and_one_that_moved_is_named(evaluated: Path, made: Path, tmp_path: Path):
    record = json.loads(evaluated.with_name("scored.vcf.evaluation.record.json").read_text())
    content = (made / "scored.vcf").read_bytes()
    (tmp_path / "elsewhere.vcf").write_bytes(content)
    (tmp_path / "other.vcf").write_bytes(content.replace(b"GENE=g0", b"GENE=g1", 1))
    gone = {**record["settings"], "vcf": str(tmp_path / "gone.vcf")}
    inputs = {str(tmp_path / "gone.vcf"): record["inputs_sha256"][record["settings"]["vcf"]]}
    changed(evaluated.with_name("scored.vcf.evaluation.record.json"), settings=gone, inputs_sha256=inputs)
    with pytest.raises(MissingInputError, match=r"gone.vcf: cannot be read .*; name where the VCF lies now \(vcf=\)"):
        report(asked(evaluated))
    with pytest.raises(InputError, match=r"other.vcf: its content has changed since it was evaluated \(sha256"):
        report(asked(evaluated, vcf=str(tmp_path / "other.vcf")))
    assert len(page_of(evaluated, vcf=str(tmp_path / "elsewhere.vcf")).all("svg")) == 9


def test_figures_that_changed_since_are_refused(evaluated: Path):
    evaluated.write_text(evaluated.read_text().replace("0.", "0.1", 1))
    with pytest.raises(InputError, match="its content has changed since evaluate wrote it"):
        report(asked(evaluated))
    evaluated.unlink()
    with pytest.raises(MissingInputError, match="is not there; name the file of figures"):
        report(asked(evaluated))


def test_an_evaluation_on_held_out_bases_has_a_page_of_its_own(made: Path, tmp_path: Path):
    for name in ("evaluation.json", "evaluation.record.json"):
        shutil.copy(made / "run" / name, tmp_path)
    page = page_of(tmp_path / "evaluation.json")
    assert page.text.startswith("Evaluation evaluation.json") and len(page.all("svg")) == 1
    assert "the same bases by context" in page.text


def test_losses_that_are_no_numbers_are_drawn_too(run: Path):
    (run / "metrics.csv").write_text("step,train/loss,train/learning_rate\n0,nan,inf\n1,inf,nan\n2,nan,nan\n")
    assert "nan at step 3" in page_of(run).text
