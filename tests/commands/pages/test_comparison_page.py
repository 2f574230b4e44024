"""report on a folder of trainings: which went best, what was typed for each, and what could not be read."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from genolong.commands.evaluation.evaluate import evaluate
from genolong.commands.pages.report import report
from genolong.commands.pages.report_settings import ReportSettings
from genolong.commands.training.train import train
from genolong.errors import InputError, MissingInputError
from tests.builders.evaluations import evaluation_settings
from tests.builders.pages import Page, assert_sound
from tests.builders.resumed_runs import settings_of


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training with its evaluation."""
    home = tmp_path_factory.mktemp("compared")
    train(settings_of(home, "trainer.max_steps=4", "trainer.validate_every=2"), home / "run")
    evaluate(evaluation_settings(f"model={home / 'run'}", "device=cpu"))
    return home / "run"


def copied(one: Path, folder: Path, *typed: str, losses: tuple[float, float] = (1.4, 1.3), **record: Any) -> Path:
    """The training, as if these words had been typed for it, and with other losses."""
    shutil.copytree(one, folder)
    if typed:
        (folder / ".hydra").mkdir()
        (folder / ".hydra/overrides.yaml").write_text(json.dumps(typed))
    about = json.loads((folder / "record.json").read_text())
    settings = {**about["settings"], **record.pop("settings", {})}
    (folder / "record.json").write_text(json.dumps({**about, "settings": settings, **record}))
    first, last = losses
    rows = "step,train/loss,validation/loss", f"1,1.5,{first}", f"3,1.5,{last}"
    (folder / "metrics.csv").write_text("\n".join(rows) + "\n")
    return folder


def page_of(folder: Path) -> Page:
    path = report(ReportSettings(run=str(folder), vcf=None, output=None, debug=False))
    assert path == folder / "report.html"
    return assert_sound(path.read_text(encoding="utf-8"))


def rows_of(page: Page, caption: str) -> str:
    return page.text[page.text.index(caption) :]


def test_the_trainings_of_a_sweep_are_compared_by_what_was_typed_for_each(
    one: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    copied(one, tmp_path / "tries/s1", "model=tiny", "seed=1", losses=(1.5, 1.3125), settings={"seed": 1})
    copied(one, tmp_path / "tries/s2", "model=tiny", "seed=2", losses=(1.25, 1.28125), settings={"seed": 2})
    (tmp_path / "tries/latest").symlink_to("s2")
    page = page_of(tmp_path / "tries")
    assert page.text.startswith(f"Trainings in tries Trainings in tries 2 trainings in {tmp_path / 'tries'}")
    assert "trainings 2 lowest held-out loss 1.2812 seed=2 " in page.text
    reached = rows_of(page, "what each reached")
    assert reached.index("seed=2 4") < reached.index("seed=1 4")
    assert "1.2812 1.2500" in reached and "1.3125 1.3125" in reached and "bits/base (evaluate)" in reached
    first, second = (tmp_path.resolve() / "tries" / name for name in ("s1", "s2"))
    assert f"settings that differ, and folders run seed folder seed=2 2 {second} seed=1 1 {first}" in page.text
    assert "Each seed hides other bases" in page.text and "not measured on the same" not in page.text
    assert f"To go on with the first of them: python -m genolong evaluate model={second} " in page.text
    assert [each.attributes["aria-label"] for each in page.all("svg")] == [
        "Held-out loss of 2 trainings: seed=2: 1.281; seed=1: 1.312",
        "Training loss of 2 trainings: seed=2: 1.5; seed=1: 1.5",
    ]


def test_a_training_is_named_by_its_folder_where_words_do_not_tell_it(one: Path, tmp_path: Path) -> None:
    for place in ("a/1", "a/2", "b"):
        copied(one, tmp_path / place, *(["seed=7"] if place != "b" else []))
    (tmp_path / "b/.hydra").mkdir()
    (tmp_path / "b/.hydra/overrides.yaml").write_text("{: [")
    reached = rows_of(page_of(tmp_path), "what each reached")
    assert all(f" {name} 4 " in reached for name in ("a/1", "a/2", "b"))
    assert "seed=7" not in page_of(tmp_path).text


def test_an_evaluation_with_other_weights_is_not_among_the_results(one: Path, tmp_path: Path) -> None:
    copied(one, tmp_path / "a")
    assert "bits/base (evaluate)" in page_of(tmp_path).text
    copied(one, tmp_path / "b" / "c", weights_sha256="0")
    reached = rows_of(page_of(tmp_path), "what each reached")
    assert reached.count(" – ") == 1 and "bits/base (evaluate)" in reached


def test_heads_are_compared_apart_from_models(one: Path, tmp_path: Path) -> None:
    copied(one, tmp_path / "model")
    for name, area in (("low", 0.6), ("high", 0.8)):
        head = copied(one, tmp_path / name, made_by="train_variants", bases=None, finished=None)
        (head / "evaluation.json").unlink()
        (head / "metrics.csv").write_text(f"step,validation/auroc,validation/auprc\n3,{area},0.5\n")
    page = page_of(tmp_path)
    models, heads = page.text.split(" Variant heads ")[-2:]
    assert "highest AUROC 0.800 high" in page.text and "trainings 3 lowest" in page.text
    assert heads.index("high 4 0.800 0.500") < heads.index("low 4 0.600 0.500") and "model=" in models
    assert "python -m genolong predict model=" in heads and "evaluate model=" not in heads


def test_what_cannot_be_read_is_told_and_the_rest_compared(one: Path, tmp_path: Path) -> None:
    copied(one, tmp_path / "good", status="stopped: SIGTERM", steps=2)
    (copied(one, tmp_path / "no_log") / "metrics.csv").unlink()
    (copied(one, tmp_path / "no_json") / "record.json").write_text("{")
    copied(one, tmp_path / "no_context", settings={"context": {}})
    page = page_of(tmp_path)
    assert "trainings 1 not finished 1 lowest" in page.text and "stopped: SIGTERM 2 of 4" in page.text
    assert len([each for each in page.elements if each.attributes.get("class") == "warning"]) == 3
    for line in (
        "no_json/record.json: is not JSON", "left out: ", "no_log/metrics.csv: cannot be read",
        "no_context/record.json: is not as genolong writes it (KeyError: 'window_bp')",
    ):  # fmt: skip
        assert line in page.text


def test_a_folder_without_any_training_is_refused(one: Path, tmp_path: Path) -> None:
    asked = ReportSettings(run=str(tmp_path), vcf=None, output=None, debug=False)
    first = f"{tmp_path}: has no training in it"
    last = "; name the folder of a training, or one with several below it, or a file that evaluate wrote"
    with pytest.raises(MissingInputError, match=f"^{first}{last}$"):
        report(asked)
    copied(one, tmp_path / "evaluated", made_by="evaluate")
    with pytest.raises(MissingInputError, match=f"^{first}{last}$"):
        report(asked)
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare/record.json").write_text("{}")
    unread = rf" that can be read \({tmp_path}/bare/record.json: holds no settings; wanted the record of a run\)"
    with pytest.raises(MissingInputError, match=f"^{first}{unread}{last}$"):
        report(asked)
    (tmp_path / "bare/record.json").unlink()
    copied(one, tmp_path / "odd", settings={"trainer": 3})
    (tmp_path / "odd/record.json").write_text(json.dumps({"settings": {"trainer": 3}, "inputs_sha256": 3}))
    page = page_of(tmp_path)
    assert "trainings 0" in page.text and "odd/record.json: is not as genolong writes it" in page.text


def test_a_record_with_values_of_wrong_types_is_refused_in_one_line(one: Path, tmp_path: Path) -> None:
    (copied(one, tmp_path / "a", inputs_sha256=3) / "evaluation.json").unlink()
    copied(one, tmp_path / "b")
    with pytest.raises(InputError, match=r"record.json: is not as genolong writes it \(TypeError"):
        page_of(tmp_path)
