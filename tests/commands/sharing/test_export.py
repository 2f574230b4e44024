"""export: the folder gives the scores of its run, wherever a model is taken; what was changed in it is refused."""

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from safetensors.torch import load_file, save, save_file

import genolong
from genolong.commands.evaluation.evaluate import evaluate
from genolong.commands.evaluation.evaluation_settings import EvaluationSettings
from genolong.commands.reading.stored_model import stored_model
from genolong.commands.reading.trained_run import BuiltFrom, open_run
from genolong.commands.repeating.reproduce import reproduce
from genolong.commands.sharing.export import Export, export
from genolong.commands.sharing.export_settings import ExportSettings
from genolong.commands.sharing.model_card import model_card
from genolong.commands.sharing.run_results import run_results
from genolong.commands.training.train import train
from genolong.commands.training.train_variants import train_variants
from genolong.commands.variants.predict import predict
from genolong.commands.variants.predict_settings import PredictSettings
from genolong.errors import InputError, MissingInputError, OutputError, SettingsError, UnsafeInputError
from genolong.genome.files.hashed import sha256_of
from genolong.settings import CONF, check
from tests.builders.resumed_runs import settings_of
from tests.builders.variant_training import make_home, settings
from tests.commands.repeating.test_reproduce import asked

pytestmark = pytest.mark.filterwarnings("ignore:GPU available")
FILES = {"README.md", "config.json", "known_answers.safetensors", "model.safetensors"}
SCORING = ("longest_allele=20", "flank=4", "trainer.accelerator=cpu")


def checked(name: str, schema: type, *overrides: str) -> Any:
    with initialize_config_dir(str((CONF / "trained").resolve()), version_base="1.3"):
        return check(compose(name, [*overrides]), schema)


def exported(run: Path, output: Path) -> Export:
    return export(checked("export", ExportSettings, f"run={run}", f"output={output}"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A genome, a model, the same with a head, and both exported."""
    folder = make_home(tmp_path_factory.mktemp("export"))
    train_variants(settings(folder, "trainer.max_steps=3", "trainer.validate_every=3"), folder / "head")
    for run in ("base", "head"):
        exported(folder / run, folder / f"{run}_out")
    return folder


def scored(home: Path, model: Path, output: Path) -> bytes:
    predict(checked(
        "predict", PredictSettings, f"model={model}", f"vcf={home / 'labelled.vcf'}", f"output={output}", *SCORING,
        f"data.cache={home / 'cache'}",
    ))  # fmt: skip
    return output.read_bytes()


@pytest.mark.parametrize("run", ["base", "head"])
def test_predict_writes_the_same_bytes(home: Path, tmp_path: Path, run: str):
    assert {path.name for path in (home / f"{run}_out").iterdir()} == FILES
    one = scored(home, home / run, tmp_path / "one.vcf")
    assert one == scored(home, home / f"{run}_out", tmp_path / "other.vcf")
    assert (b"GENOLONG_PROB=" in one) == (run == "head")


@pytest.mark.parametrize("run", ["base", "head"])
def test_it_is_the_same_model(home: Path, run: str):
    one, other = open_run(str(home / run)), open_run(str(home / f"{run}_out"))
    assert one.weights_sha256 == other.weights_sha256 and one.sha256 == other.sha256
    for name in ("name", "masking", "seed", "window_bp", "bases_per_step", "head_is", "head_vcf_sha256"):
        assert getattr(one, name) == getattr(other, name)
    device = torch.device("cpu")
    assert other.known is not None and other.moved_on(device) == ()
    loaded = genolong.load(home / f"{run}_out", "cpu")
    np.testing.assert_array_equal(loaded.logits("ACGTNAC"), genolong.load(home / run, "cpu").logits("ACGTNAC"))


def test_evaluate_gives_the_same_figures_and_leaves_the_model_alone(home: Path, tmp_path: Path):
    exported(home / "base", tmp_path / "model")
    figures = [
        evaluate(checked("evaluate", EvaluationSettings, f"model={model}", "contexts=false", "device=cpu",
                         f"data.cache={home / 'cache'}", *output)).figures
        for model, output in ((home / "base", [f"output={tmp_path / 'x.json'}"]), (tmp_path / "model", []))
    ]  # fmt: skip
    assert figures[0] == figures[1]
    assert {path.name for path in (tmp_path / "model").iterdir()} == FILES | {
        "evaluation.json",
        "evaluation.record.json",
    }
    exported(tmp_path / "model", tmp_path / "again")
    assert "| this model | " in (tmp_path / "again" / "README.md").read_text()
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("model", "again")]
    assert weights[0] == weights[1]


def test_a_head_is_trained_on_it_as_on_its_run(home: Path, tmp_path: Path):
    few = ("trainer.max_steps=3", "trainer.validate_every=3")
    done = [
        train_variants(settings(home, *few, f"init_from={home / name}"), tmp_path / name).record
        for name in ("base", "base_out")
    ]
    assert done[0]["weights_sha256"] == done[1]["weights_sha256"]
    assert done[1]["init_from_sha256"] == open_run(str(home / "base")).weights_sha256
    one, other = (scored(home, tmp_path / name, tmp_path / f"{name}.vcf") for name in ("base", "base_out"))
    assert one == other.replace(b'model="base_out"', b'model="base"')


def test_a_head_reads_the_genome_that_it_was_trained_on(home: Path, tmp_path: Path):
    fasta, vcf = tmp_path / "other.fa", home / "labelled.vcf"
    fasta.write_text((home / "genome.fa").read_text() + ">more\nACGT\n")
    few = ("trainer.max_steps=3", "trainer.validate_every=3", f"data.fasta={fasta}")
    train_variants(settings(home, *few), tmp_path / "head")
    notes = exported(tmp_path / "head", tmp_path / "out").notes
    one, other = (scored(home, tmp_path / name, tmp_path / f"{name}.vcf") for name in ("head", "out"))
    assert one == other and b'fasta="other.fa"' in one
    card = (tmp_path / "out" / "README.md").read_text()
    files = "".join(f"| {path.name} | {sha256_of(path)} |\n" for path in (fasta, vcf))
    told = "The head was trained on variants; they, and the genome in which it read them:"
    assert f"{told}\n\n| file | sha256 |\n| --- | --- |\n{files}" in card
    assert "| at the end of the training of the head, on alleles that it held out |  |" in card
    assert all(f"{path}" in notes[-1] for path in (home / "genome.fa", fasta, vcf))
    fasta.write_text(fasta.read_text().replace("ACGT\n", "ACGA\n"))
    for name in ("head", "out"):
        with pytest.raises(InputError, match=r"other.fa: its content has changed since the training"):
            scored(home, tmp_path / name, tmp_path / "changed.vcf")


def test_what_was_predicted_with_it_is_reproduced(home: Path, tmp_path: Path):
    scored(home, home / "base_out", tmp_path / "one.vcf")
    done = reproduce(asked(tmp_path / "one.vcf", cache=str(home / "cache")), tmp_path / "again")
    assert done is not None and done.same


def rewritten(folder: Path, change: Callable[[dict], object]) -> None:
    path = folder / "config.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def resealed(folder: Path, name: str, part: bytes) -> None:
    """As somebody would who makes a model to do harm: the hash is that of the part."""
    (folder / name).write_bytes(part)
    rewritten(folder, lambda config: config["sha256"].update({name: sha256(part).hexdigest()}))


@pytest.fixture
def folder(home: Path, tmp_path: Path) -> Path:
    exported(home / "head", tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("name", ["model.safetensors", "known_answers.safetensors"])
def test_any_flipped_bit_is_refused(folder: Path, name: str):
    whole = (folder / name).read_bytes()
    for at in {0, 9, len(whole) // 3, len(whole) - 1}:
        (folder / name).write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        with pytest.raises(InputError, match=rf"{name}: is damaged \(its sha256 is not the one in config.json\)"):
            open_run(str(folder))
    (folder / name).write_bytes(whole[:-1])
    with pytest.raises(InputError, match="is damaged"):
        open_run(str(folder))
    (folder / name).unlink()
    with pytest.raises(MissingInputError, match=rf"{name}: is missing; copy the whole folder that export wrote$"):
        open_run(str(folder))


@pytest.mark.parametrize(
    ("change", "kind", "line"),
    [
        (
            lambda config: config.pop("kind"),
            InputError,
            "does not describe a genolong model; wanted a folder that export",
        ),
        (lambda config: config.update(format=2), InputError, "format 2, this version reads 1; update genolong"),
        (lambda config: config.update(sha256=[]), InputError, "does not say the sha256 of model.safetensors and known"),
        (lambda config: config["sha256"].update(x="y"), InputError, "does not say the sha256 of"),
        (lambda config: config.pop("settings"), InputError, "its settings do not match this version"),
        (lambda config: config["settings"]["model"].update(width=16), InputError, "its weights do not match its"),
        (lambda config: config["settings"]["model"].update(layers=1 << 20), InputError, "its weights do not match"),
        (lambda config: config["settings"].update(_target_="os.system"), UnsafeInputError, "may not name code"),
        (lambda config: config["settings"]["run"].update(name="${oc.env:HOME}"), UnsafeInputError, "not looked up"),
        (lambda config: config.update(variant_head=None), InputError, "the settings of its variant head"),
    ],
)
def test_a_config_that_cannot_be_taken_is_refused_in_one_line(folder: Path, change, kind, line: str):
    rewritten(folder, change)
    with pytest.raises(kind, match=line) as refusal:
        open_run(str(folder))
    assert str(refusal.value).startswith(str(folder)) and "\n" not in str(refusal.value)


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "[" * 99_999, "\xff", " " * (1 << 24) + "{}"])
def test_what_is_no_config_is_refused(folder: Path, text: str):
    (folder / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"config.json: (is not JSON|holds no named settings|holds more than)"):
        open_run(str(folder))


@pytest.mark.parametrize("name", ["model.safetensors", "known_answers.safetensors"])
@pytest.mark.parametrize("part", [b"", pickle.dumps([1]), b"\x08" + bytes(7) + b'{"a": 1}', b"\xff" * 64])
def test_what_is_no_safetensors_is_refused(folder: Path, name: str, part: bytes):
    resealed(folder, name, part)
    with pytest.raises(InputError, match=rf"{name}: cannot be read as safetensors") as refusal:
        open_run(str(folder))
    assert "\n" not in str(refusal.value)


def changed(folder: Path, change: Callable[[dict], object], name: str = "model.safetensors") -> None:
    tensors = load_file(folder / name)
    change(tensors)
    resealed(folder, name, save(tensors))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda weights: weights.pop("head.logits.bias"), "head.logits.bias is missing, wanted float32"),
        (lambda weights: weights.update(more=torch.zeros(3)), r"more is float32\[3\], wanted missing"),
        (lambda weights: weights.update({"head.logits.bias": torch.zeros(5)}), r"is float32\[5\], wanted float32\[4\]"),
        (lambda weights: weights.update({"head.logits.bias": torch.zeros(4).double()}), r"is float64\[4\], wanted"),
        (lambda weights: weights["head.logits.bias"].fill_(float("nan")), "holds numbers that are not finite; export"),
        (lambda weights: weights.clear(), "its weights do not match its settings"),
    ],
)
def test_other_weights_are_refused_by_name(folder: Path, change, line: str):
    changed(folder, change)
    with pytest.raises(InputError, match=line):
        open_run(str(folder))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda answers: answers.clear(), "holds nothing; copy the folder again"),
        (lambda answers: answers.pop("logits"), "its model's answers to known bases are damaged"),
        (lambda answers: answers["codes"].fill_(9), "its model's answers to known bases are damaged"),
    ],
)
def test_other_answers_are_refused(folder: Path, change, line: str):
    changed(folder, change, "known_answers.safetensors")
    with pytest.raises(InputError, match=line):
        open_run(str(folder))


def test_answers_of_another_model_are_told(folder: Path):
    changed(folder, lambda answers: answers["logits"].mul_(2), "known_answers.safetensors")
    (note,) = open_run(str(folder)).moved_on(torch.device("cpu"))
    assert note.startswith("this device (cpu) changes the model's answers")


def test_a_model_of_another_library_is_refused(tmp_path: Path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    save_file({"a": torch.zeros(3)}, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match=r"config.json: does not describe a genolong model"):
        open_run(str(tmp_path))
    with pytest.raises(InputError, match=r"model.safetensors: is part of an exported model; name its folder$"):
        open_run(str(tmp_path / "model.safetensors"))


def test_an_export_is_whole_or_not_at_all(home: Path, tmp_path: Path, monkeypatch):
    with pytest.raises(MissingInputError, match="run=nothing: no such run"):
        exported(Path("nothing"), tmp_path / "model")

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("genolong.commands.sharing.export.model_card", fails)
    with pytest.raises(OSError, match="No space left"):
        exported(home / "base", tmp_path / "model")
    assert not [*tmp_path.iterdir()]
    with pytest.raises(OutputError, match=r"base_out: already exists"):
        exported(home / "base", home / "base_out")
    with pytest.raises(SettingsError, match=r"^output=: wanted the path of a folder$"):
        exported(home / "base", "")  # type: ignore[arg-type]


def test_no_machine_stands_in_the_settings(home: Path):
    config = json.loads((home / "head_out" / "config.json").read_text())
    assert set(config) == {
        "kind", "format", "version", "sha256", "settings", "inputs_sha256", "variant_head", "head_is",
        "head_vcf_sha256", "variant_training",
    }  # fmt: skip
    assert config["settings"]["data"]["cache"] is None and config["settings"]["run"] == {"name": "head"}
    assert config["sha256"] == {name: sha256_of(home / "head_out" / name) for name in FILES if name.endswith("tensors")}


def test_the_card_of_a_head_is_titled_as_one(home: Path):
    titles = [
        (home / run / "README.md").read_text().split("\n# ")[1].split("\n")[0] for run in ("base_out", "head_out")
    ]
    assert titles == ["base", "head with a trained head"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a run that was trained and evaluated."""
    folder = tmp_path_factory.mktemp("card")
    train(
        settings_of(folder, "trainer.max_steps=4", "trainer.validate_every=2", "run.name=a|b", "data.validation=two"),
        folder / "run",
    )
    rewrite = folder / "run" / "record.json"
    record = json.loads(rewrite.read_text())
    record["command"] = ["/x/python", "-m", "genolong", "train", "data.fasta=my genome.fa"]
    record["code"] = {"commit": "1234567", "diff": None}
    rewrite.write_text(json.dumps(record))
    evaluate(checked("evaluate", EvaluationSettings, f"model={folder / 'run'}", "contexts=false", "device=cpu"))
    return folder


def test_a_name_that_is_also_the_folders_is_the_cards_title(trained: Path, tmp_path: Path):
    shutil.copytree(trained / "run", tmp_path / "a|b" / "2026", symlinks=True)
    card = (exported(tmp_path / "a|b" / "2026", tmp_path / "model").folder / "README.md").read_text()
    assert card.splitlines()[0] == "---" and "# a\\|b\n" in card


def test_every_number_of_the_card_is_one_of_the_runs(trained: Path, tmp_path: Path):
    done = exported(trained / "run", tmp_path / "model")
    card = (done.folder / "README.md").read_text()
    record = json.loads((trained / "run" / "record.json").read_text())
    figures = {each["name"]: each for each in json.loads((trained / "run" / "evaluation.json").read_text())}
    run = open_run(str(trained / "run"))
    model, best = figures["model/loss"], figures["best_kmer/loss"]
    shown = f"{model['value']:.4f} ± {model['standard_error']:.4f} | {figures['model/accuracy']['value']:.1%}"
    assert card.splitlines()[0] == "---" and "# run\n" in card, "the folder was chosen by its own name"
    for line in (
        f"| parameters | {sum(each.numel() for each in run.model.parameters()):,} |",
        f"| context window | {run.window_bp} bases |",
        f"| weights | sha256 {record['weights_sha256']} |",
        f"| genome.fa | {sha256_of(trained / 'genome.fa')} |",
        f"| this model | {shown} | {model['n']:,} |",
        f"| the best bidirectional k-mer counter | {best['value']:.4f} ± ",
        f"Gain over the best k-mer counter: {figures['model/gain_over_best_kmer']['value']:.4f} nats a base.",
        f"| validation/loss | {record['metrics']['validation/loss']:.4f} |",
        "Held out: two. Seed 1.",
        "\npython -m genolong train 'data.fasta=my genome.fa'\n",
        f"4 steps and {record['bases']:,} bases, on a CPU ({record['machine']['processor']}, ",
        f"torch {record['versions']['torch']}, commit `1234567`. With the run's folder, ",
    ):
        assert line in card, line
    assert str(trained) not in card
    assert done.notes == (
        f"config.json and README.md name the training's files as they are called here ({trained / 'genome.fa'}); "
        "edit what is private",
    )


def test_an_installed_packages_training_has_no_commit(trained: Path, tmp_path: Path):
    shutil.copytree(trained / "run", tmp_path / "run", symlinks=True)
    record = json.loads((tmp_path / "run" / "record.json").read_text())
    (tmp_path / "run" / "record.json").write_text(json.dumps({**record, "code": None}))
    card = (exported(tmp_path / "run", tmp_path / "model").folder / "README.md").read_text()
    assert f"torch {record['versions']['torch']}. With the run's folder, " in card


def test_a_genome_that_model_and_head_read_is_named_once(home: Path, tmp_path: Path):
    named = exported(home / "head", tmp_path / "model").notes[-1]
    files = [home / "genome.fa", home / "labelled.vcf"]
    assert f" as they are called here ({', '.join(map(str, files))}); " in named


def test_what_only_an_older_card_knows_is_told(trained: Path, tmp_path: Path):
    first, again = exported(trained / "run", tmp_path / "first"), exported(tmp_path / "first", tmp_path / "again")
    (note,) = {*again.notes} - {*first.notes}
    folder = (tmp_path / "first").resolve()
    assert note == (
        f"there is no record of the training in {folder}; what {folder / 'README.md'} says about it is not in the new "
        "card"
    )


def test_figures_that_were_edited_are_left_out_and_told(trained: Path, tmp_path: Path):
    run = tmp_path / "run"
    shutil.copytree(trained / "run", run)
    figures = run / "evaluation.json"
    figures.write_text(figures.read_text().replace("model/loss", "model/Loss", 1))
    done = exported(run, tmp_path / "model")
    assert done.notes[0] == (
        f"{figures}: has changed since evaluate wrote it, so the model card leaves it out; run evaluate again"
    )
    assert "Not compared with baselines" in (tmp_path / "model" / "README.md").read_text()


def test_figures_of_other_weights_are_left_out_and_told(trained: Path, tmp_path: Path):
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    (run / "checkpoints" / "last.ckpt").write_bytes((trained / "run/checkpoints/last.ckpt").read_bytes())
    for name, key in (("record.json", "weights_sha256"), ("evaluation.record.json", "model_sha256")):
        record = json.loads((trained / "run" / name).read_text())
        record[key] = "0" * 64
        (run / name).write_text(json.dumps(record))
    (run / "evaluation.json").write_bytes((trained / "run" / "evaluation.json").read_bytes())
    done = exported(run, tmp_path / "model")
    assert done.notes[:2] == (
        f"{run / 'record.json'}: belongs to other weights, so the model card does not say how these were trained",
        f"{run / 'evaluation.json'}: does not say that it was measured with these weights, so the model card leaves "
        "it out; run evaluate again",
    )
    card = (tmp_path / "model" / "README.md").read_text()
    assert (
        "Not compared with baselines" in card and "Unknown: the record of the training is missing, or belongs" in card
    )
    record = json.loads((run / "record.json").read_text())
    del record["weights_sha256"]
    (run / "record.json").write_text(json.dumps({**record, "status": "stopped: SIGTERM"}))
    note = "this training has not finished, so the model card does not say how it went"
    assert exported(run, tmp_path / "unfinished").notes[0] == f"{run / 'record.json'}: {note}"
    says = "record says: stopped: SIGTERM after 4 steps"
    assert f"It has not finished; its {says}." in (tmp_path / "unfinished/README.md").read_text()
    for model in (tmp_path / "unfinished", exported(tmp_path / "unfinished", tmp_path / "again").folder):
        (told,) = open_run(str(model)).unfinished
        assert told.startswith(f"{model}: the training of this model has not finished (its {says}); ")
    assert open_run(str(tmp_path / "model")).unfinished == ()


def test_what_a_stranger_says_of_a_training_is_short_and_on_one_line(folder: Path):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "unfinished": "\x1b[31mstopped\n" + "x" * 99}))
    (told,) = open_run(str(folder)).unfinished
    assert f"(its record says:  [31mstopped {'x' * 67}); a finished one" in told


@pytest.mark.parametrize(
    ("held_out", "words"),
    [
        ({"validation": 4}, "Held out: 4. Seed 1."),
        ({"validation": 4, "regions": "a/at.bed"}, "Held out: 4. Trained on the regions of at.bed only. Seed 1."),
        ({"validation": [4, "two"]}, "Held out: 4, two. Seed 1."),
        (
            {"validation": None, "validation_share": 0.125},
            "Held out: the last 12.5 % of every contig that is long enough (if none is, the last window of the longest)"
            "; of a draft assembly, some whole contigs, too. Seed 1.",
        ),
    ],
)
def test_what_was_held_out_and_trained_on_is_named_as_it_was_set(trained: Path, held_out: dict, words: str):
    run = open_run(str(trained / "run"))
    built = BuiltFrom.of(stored_model(str(trained / "run"), "run").about["settings"])
    card = model_card(run, replace(built, data=replace(built.data, **held_out)), {}, run_results(run))
    assert words in card


def test_figures_of_other_bases_are_left_out_of_the_card_and_told(trained: Path, tmp_path: Path):
    run = tmp_path / "run"
    shutil.copytree(trained / "run", run, symlinks=True)
    record = json.loads((run / "evaluation.record.json").read_text())
    record["settings"]["data"]["validation"] = ["one"]
    (run / "evaluation.record.json").write_text(json.dumps(record))
    done = exported(run, tmp_path / "model")
    assert done.notes[0] == (
        f"{run / 'evaluation.json'}: is about bases other than those this training held out, so the model card "
        "leaves it out; run evaluate again"
    )
    assert "Not compared with baselines" in (tmp_path / "model" / "README.md").read_text()


@pytest.mark.parametrize(
    ("name", "change", "line"),
    [
        ("record.json", lambda record: record.pop("versions"), r"record.json: does not say what the record of a run"),
        ("record.json", lambda record: record.update(metrics=[1]), r"record.json: does not say what the record of a"),
        ("evaluation.json", lambda figures: figures.append(1), r"evaluation.json: holds no figures \(.*; run it again"),
        (
            "evaluation.json",
            lambda figures: figures[0].update(n="x"),
            r"evaluation.json: holds no figures \(.*; run it again",
        ),
    ],
)
def test_files_of_a_run_that_say_nothing_are_refused(trained: Path, tmp_path: Path, name: str, change, line: str):
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    for each in ("checkpoints/last.ckpt", "record.json", "evaluation.json", "evaluation.record.json"):
        (run / each).write_bytes((trained / "run" / each).read_bytes())
    content = json.loads((run / name).read_text())
    change(content)
    (run / name).write_text(json.dumps(content))
    with pytest.raises(InputError, match=line):
        exported(run, tmp_path / "model")
    assert not (tmp_path / "model").exists()
    (run / "evaluation.json").write_text("{")
    with pytest.raises(InputError, match=r"evaluation.json: holds no figures"):
        exported(run, tmp_path / "model")
