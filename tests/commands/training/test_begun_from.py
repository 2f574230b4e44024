"""init_from: a training begins with the weights of another, of the same model, which never saw what is held out now."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir

from genolong.commands.evaluation.evaluate import evaluate
from genolong.commands.evaluation.evaluation_settings import EvaluationSettings
from genolong.commands.reading.trained_before import trained_before
from genolong.commands.reading.trained_run import open_run
from genolong.commands.repeating.reproduce import reproduce
from genolong.commands.repeating.reproduce_settings import ReproduceSettings
from genolong.commands.sharing.export import export
from genolong.commands.sharing.export_settings import ExportSettings
from genolong.commands.training.begun_from import begun_from
from genolong.commands.training.train import Training, train
from genolong.commands.training.train_variants import train_variants
from genolong.errors import InputError, MissingInputError, SettingsError, UnsafeInputError
from genolong.genome.fasta import Genome
from genolong.runs.checkpoint import load_weights
from genolong.settings import CONF, TrainSettings, check
from tests.builders.resumed_runs import settings_of
from tests.builders.variant_training import labelled_lines
from tests.builders.variant_training import settings as head_settings
from tests.builders.vcfs import vcf_text

pytestmark = pytest.mark.filterwarnings("ignore:GPU available")
FEW = ("trainer.max_steps=2", "trainer.validate_every=2", "data.validation=[two]")
LONGER = ("context.window_bp=89",)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A genome, a training at a short window, and one that began with it at a longer one."""
    home = tmp_path_factory.mktemp("home")
    train(settings_of(home, *FEW), home / "short")
    train(longer(home), home / "long")
    return home


def longer(home: Path, *more: str) -> TrainSettings:
    return settings_of(home, *FEW, *LONGER, f"init_from={home / 'short'}", *more)


def genome_of(home: Path) -> Genome:
    return Genome.open([str(home / "genome.fa")], str(home / "cache"))


def again(home: Path, run: str) -> ReproduceSettings:
    with initialize_config_dir(str((CONF / "trained").resolve()), version_base="1.3"):
        return check(compose("reproduce", [f"run={home / run}", f"data.cache={home / 'cache'}"]), ReproduceSettings)


def evaluation(home: Path, run: Path, *more: str) -> EvaluationSettings:
    words = (f"model={run}", "contexts=false", "device=cpu", f"data.cache={home / 'cache'}", *more)
    with initialize_config_dir(str((CONF / "trained").resolve()), version_base="1.3"):
        return check(compose("evaluate", [*words]), EvaluationSettings)


def test_processes_that_opened_another_checkpoint_of_it_are_refused(home: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("genolong.commands.training.placed.told_by_the_first", lambda place, work: "another")
    with pytest.raises(InputError, match=r"^the model's training wrote a new checkpoint while several processes"):
        train(longer(home), tmp_path / "run")


def test_the_weights_are_those_of_the_other_run_and_nothing_else_is(home: Path):
    short = load_weights(home / "short" / "checkpoints" / "last.ckpt")[1]
    begun = begun_from(longer(home), genome_of(home))
    assert begun is not None and begun.weights is not None and begun.weights.keys() == short.keys()
    assert all(torch.equal(begun.weights[name], short[name]) for name in short)
    long = load_weights(home / "long" / "checkpoints" / "last.ckpt")[1]
    moved = max(float((long[name] - short[name]).abs().max()) for name in short)
    assert 0 < moved < 0.1, "two steps from where it began"


def test_the_record_says_what_it_began_with(home: Path):
    short, long = (json.loads((home / name / "record.json").read_text()) for name in ("short", "long"))
    assert long["init_from_sha256"] == short["weights_sha256"]
    assert long["settings"]["init_from"] == str((home / "short" / "checkpoints" / "last.ckpt").resolve())
    (before,) = long["trained_before"]
    assert before["window_bp"] == short["settings"]["context"]["window_bp"]
    assert before["inputs_sha256"] == short["inputs_sha256"]
    assert "init_from_sha256" not in short and "trained_before" not in short
    assert open_run(str(home / "short")).before == () and len(open_run(str(home / "long")).before) == 1


def test_a_chain_remembers_all_that_its_weights_read(home: Path, tmp_path: Path):
    third = train(settings_of(home, *FEW, f"init_from={home / 'long'}"), tmp_path / "third")
    windows = [earlier["window_bp"] for earlier in third.record["trained_before"]]
    short = json.loads((home / "short" / "record.json").read_text())["settings"]["context"]["window_bp"]
    assert windows == [89, short], "the newest first"


def test_it_is_made_again_from_its_record(home: Path, tmp_path: Path):
    done = reproduce(again(home, "long"), tmp_path / "again")
    assert done is not None and done.same, done and done.verdict


def test_other_weights_are_not_those_of_the_record(home: Path, tmp_path: Path):
    other = train(settings_of(home, *FEW, "seed=2"), tmp_path / "other").folder
    settings = replace(again(home, "long"), model=str(other))
    with pytest.raises(InputError, match="its weights are not those that were used"):
        reproduce(settings, tmp_path / "again")
    with pytest.raises(SettingsError, match=r"model=.*: .*short was made without one; leave it out"):
        reproduce(replace(again(home, "short"), model=str(other)), tmp_path / "again")


def test_a_stopped_training_goes_on_with_the_same_beginning_only(home: Path, tmp_path: Path):
    folder = tmp_path / "run"
    train(longer(home), folder)
    done = train(longer(home, "trainer.max_steps=3"), folder)
    assert done.trainer.global_step == 3
    other = train(settings_of(home, *FEW, "seed=2"), tmp_path / "other").folder
    with pytest.raises(InputError, match=r"init_from: not the model that the run in .* started from"):
        train(settings_of(home, *FEW, *LONGER, f"init_from={other}", "trainer.max_steps=4"), folder)


@pytest.mark.parametrize("begun", ["trained on", "gone", "another at its place"])
def test_a_stopped_training_goes_on_whatever_became_of_its_beginning(home: Path, tmp_path: Path, begun: str):
    short, folder = shutil.copytree(home / "short", tmp_path / "short", symlinks=True), tmp_path / "run"
    named = f"init_from={short}"
    train(longer(home, named), folder)
    if begun == "trained on":
        train(settings_of(home, *FEW, "trainer.max_steps=3"), short)
    else:
        shutil.rmtree(short)
    if begun == "another at its place":
        train(settings_of(home, *FEW, "seed=2"), short)
    done = train(longer(home, named, "trainer.max_steps=3"), folder)
    assert done.trainer.global_step == 3
    before = json.loads((home / "long" / "record.json").read_text())
    assert done.record["init_from_sha256"] == before["init_from_sha256"]
    assert [each["window_bp"] for each in done.record["trained_before"]] == [29]
    assert open_run(str(folder)).before and done.record["settings"]["init_from"].startswith(str(short))
    began = done.record["settings"]["init_from"]
    elsewhere = train(settings_of(home, *FEW, "seed=3"), tmp_path / "other").folder
    with pytest.raises(InputError, match=rf"\(their sha256 differ\); use init_from={began}, or a new folder"):
        train(longer(home, f"init_from={elsewhere}", "trainer.max_steps=4"), folder)
    assert train(longer(home, f"init_from={began}", "trainer.max_steps=4"), folder).trainer.global_step == 4


def test_a_run_without_a_checkpoint_still_needs_its_beginning(home: Path, tmp_path: Path):
    short, folder = shutil.copytree(home / "short", tmp_path / "short", symlinks=True), tmp_path / "run"
    train(longer(home, f"init_from={short}"), folder)
    shutil.rmtree(folder / "checkpoints")
    shutil.rmtree(short)
    with pytest.raises(MissingInputError, match=r"init_from=.*short: no such run"):
        train(longer(home, f"init_from={short}", "trainer.max_steps=3"), folder)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["data.validation=[one]"],
            r"init_from=.*short: was trained on one:1-.*, and one:1-.* is held out here; hold out",
        ),
        (["model.width=24"], r"model.width=24: init_from=.*short has \d+; use the same model"),
        (["model.heads=1"], r"model.heads=1: init_from=.*short has \d+; use the same model"),
        (["init_from=https://x.org/m"], r"init_from=https://x.org/m: models are not loaded from a web address"),
    ],
)
def test_what_does_not_fit_is_refused(home: Path, tmp_path: Path, words: list[str], message: str):
    with pytest.raises(SettingsError, match=message):
        train(longer(home, *words), tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_run_that_is_not_there_is_named(home: Path, tmp_path: Path):
    with pytest.raises(MissingInputError, match=r"init_from=.*gone: no such run"):
        train(settings_of(home, *FEW, f"init_from={home / 'gone'}"), tmp_path / "run")


def test_what_else_changed_is_told(home: Path):
    begun = begun_from(longer(home, "model.rotary_base=500000.0"), genome_of(home))
    assert begun is not None and "model.rotary_base=500000.0, where init_from has 10000.0" in begun.notes


def test_a_variant_head_stays_where_it_was(home: Path, tmp_path: Path):
    _, one, _, two = (home / "genome.fa").read_text().split()
    (tmp_path / "labelled.vcf").write_bytes(vcf_text(*labelled_lines({"one": one, "two": two}, 13)))
    few = ("trainer.max_steps=1", "trainer.validate_every=1", "data.validation=[two]")
    train_variants(head_settings(tmp_path, f"init_from={home / 'short'}", *few), tmp_path / "head")
    begun = begun_from(settings_of(home, *FEW, f"init_from={tmp_path / 'head'}"), genome_of(home))
    assert begun is not None and begun.weights is not None
    assert begun.notes[-1] == f"init_from={tmp_path / 'head'}: its variant head is not carried over"
    assert {*begun.weights} == {*open_run(str(home / "short")).model.state_dict()}


def test_of_another_genome_it_cannot_be_known(home: Path, tmp_path: Path):
    text = (home / "genome.fa").read_text()
    (tmp_path / "other.fa").write_text(text.replace(">two", ">2"))
    settings = longer(home, f"data.fasta={tmp_path / 'other.fa'}", "data.validation=['2']")
    begun = begun_from(settings, Genome.open([str(tmp_path / "other.fa")], str(home / "cache")))
    assert begun is not None
    assert "init_from was trained on other files; it may have read what is held out here" in begun.notes


def test_regions_that_changed_are_told(home: Path, tmp_path: Path):
    bed = tmp_path / "one.bed"
    bed.write_text("one\t0\t400\n")
    train(settings_of(home, *FEW, f"data.regions={bed}"), tmp_path / "regional")
    settings = settings_of(home, *FEW, f"init_from={tmp_path / 'regional'}")
    begun = begun_from(settings, genome_of(home))
    assert begun is not None and len(begun.notes) == 1
    bed.write_text("one\t0\t300\n")
    begun = begun_from(settings, genome_of(home))
    told = (
        "init_from was trained with BED files that are missing or have changed; it may have read what is held out here"
    )
    assert begun is not None and begun.notes[1:] == (told,)


def trained_on_both(home: Path, folder: Path) -> Training:
    """Begins with what read contig one, and holds out what neither read; all of contig two was held out then."""
    return train(settings_of(home, *FEW, *LONGER, f"init_from={home / 'short'}"), folder)


def test_evaluate_tells_what_an_earlier_training_read(home: Path, tmp_path: Path):
    run = tmp_path / "run"
    trained_on_both(home, run)
    assert not any("trained on bases" in note for note in evaluate(evaluation(home, run)).notes)
    notes = evaluate(evaluation(home, run, "data.validation=[one]", f"output={tmp_path / 'one.json'}")).notes
    assert any("the model was trained on bases in" in note for note in notes)


def test_an_exported_model_keeps_what_it_read(home: Path, tmp_path: Path):
    export(ExportSettings(run=str(home / "long"), output=str(tmp_path / "model"), debug=False))
    exported = open_run(str(tmp_path / "model"))
    assert [each.window_bp for each in exported.before] == [
        each.window_bp for each in open_run(str(home / "long")).before
    ]
    assert "started from weights" in (tmp_path / "model" / "README.md").read_text()
    with pytest.raises(SettingsError, match="was trained on one"):
        train(longer(home, f"init_from={tmp_path / 'model'}", "data.validation=[one]"), tmp_path / "run")


@pytest.mark.parametrize("before", [3, [3], [{"data": {}}], [{}] * 100, {"a": 1}])
def test_a_list_of_trainings_that_is_none_is_refused(before: Any):
    with pytest.raises(InputError, match=r"x.ckpt: does not say what its weights were trained on before"):
        trained_before({"trained_before": before}, Path("x.ckpt"))


def test_a_list_of_trainings_that_names_code_is_refused_for_safety():
    with pytest.raises(UnsafeInputError, match=r"x.ckpt: trained_before.0._target_: settings may not name code"):
        trained_before({"trained_before": [{"_target_": "os.system"}]}, Path("x.ckpt"))
