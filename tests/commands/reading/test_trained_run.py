"""A run is opened as it was trained; what is none is refused in one line."""

import json
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from torch import Tensor

from genolong.commands.reading.heads_training import KEY
from genolong.commands.reading.precision_choice import choose_precision
from genolong.commands.reading.stored_model import stored_model
from genolong.commands.reading.trained_run import open_run, run_of
from genolong.errors import InputError, MissingInputError, UnsafeInputError
from genolong.runs.checkpoint import weights_sha256
from genolong.runs.checkpoint_io import RunCheckpointIO
from genolong.settings import CONF, TrainSettings, train_settings
from genolong.tasks.known_answers import known_answers
from genolong.tasks.masked_bases import MaskedBases

PROJECT = Path(__file__).resolve().parents[3]
SMALL = [
    "model.width=12", "model.heads=3", "model.layers=2", "context.window_bp=211", "context.batch=3", "run.name=x",
    "seed=5",
]  # fmt: skip


@pytest.fixture(scope="module")
def settings() -> TrainSettings:
    with initialize_config_dir(str(CONF.resolve()), version_base="1.3"):
        return train_settings(compose("train", overrides=SMALL))


@pytest.fixture
def model(settings) -> MaskedBases:
    torch.manual_seed(7)
    return MaskedBases(
        settings.model, settings.task, settings.optimizer, max_steps=1, seed=settings.seed, checkpoint_blocks=0
    )


@pytest.fixture
def folder(settings, model, tmp_path) -> Path:
    return save(tmp_path / "run", {"settings": asdict(settings), "inputs_sha256": {"genome.fa": "abc"}}, model)


def save(folder: Path, about: dict, model: MaskedBases) -> Path:
    checkpoint = {"state_dict": model.state_dict(), "global_step": 5}
    RunCheckpointIO(about).save_checkpoint(checkpoint, folder / "checkpoints" / "last.ckpt")
    return folder


def test_the_model_answers_as_the_one_that_was_saved(folder, model, settings):
    run = open_run(str(folder))
    codes = torch.randint(0, 6, (2, 211))
    with torch.no_grad():
        torch.testing.assert_close(run.model(codes), model.eval()(codes), rtol=0, atol=0)
    assert (run.name, run.folder, run.window_bp, run.sha256) == ("run", folder, 211, frozenset({"abc"}))
    assert (run.data, run.masking, run.seed) == (settings.data, settings.task.masking, settings.seed)
    assert run.bases_per_step == 211 * 3 * settings.context.accumulation


WITHOUT = {"pytorch_lightning", "lightning_fabric", "torch._dynamo", "sympy"}
READING = (
    "evaluation.evaluate", "evaluation.evaluate_variants", "variants.predict", "embeddings.embed", "maps.map",
    "sharing.export", "pages.report", "planning.plan",
)  # fmt: skip


def test_what_only_a_training_needs_is_not_imported_for_a_trained_model(folder):
    """Lightning and PyTorch's compiler would more than double the time until a command begins."""
    lines = [f"import genolong.commands.{name}" for name in READING]
    lines += [
        "import genolong, sys",
        f"genolong.load({str(folder)!r}, 'cpu')",
        f"print({WITHOUT} & sys.modules.keys())",
    ]
    command = [sys.executable, "-c", "\n".join(lines)]
    out = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    assert out == "set()\n"


def test_a_models_weights_are_its_own(folder):
    stored = stored_model(str(folder))
    run = run_of(stored)
    for name, weight in run.model.state_dict().items():
        assert weight.data_ptr() != stored.weights[name].data_ptr(), "a change of one would change the other"
        assert weight.data_ptr() % 64 == 0, "results must not depend on where in a file they lay"
    assert all(weight.requires_grad for weight in run.model.parameters())


def test_what_was_trained_on_is_known_by_content_and_by_the_names_of_files(settings, model, tmp_path):
    about = {"settings": asdict(settings), "inputs_sha256": {"/x/a.fa": "abc", "b.fa": "def"}}
    run = open_run(str(save(tmp_path / "run", {**about, "fasta_titles": ["a", "b"]}, model)))
    assert run.titles == {"abc": "a", "def": "b"} and run.before == ()
    (training,) = run.trainings
    assert (training.window_bp, training.inputs_sha256, training.regions_sha256) == (211, about["inputs_sha256"], {})
    assert training.data == replace(settings.data, cache=None)
    assert open_run(str(save(tmp_path / "none", about, model))).titles == {}
    with pytest.raises(InputError, match="its settings do not match this version"):
        open_run(str(save(tmp_path / "one", {**about, "fasta_titles": ["a"]}, model)))


def test_a_run_stays_the_checkpoint_that_was_read_although_its_training_goes_on(folder):
    last = folder / "checkpoints" / "last.ckpt"
    first = last.rename(last.with_name("step-00000005.ckpt"))
    last.symlink_to(first.name)
    run = open_run(str(folder))
    last.unlink()
    last.symlink_to("step-00000006.ckpt")
    assert run.checkpoint == first.resolve()


def test_a_link_a_checkpoint_and_a_copy_of_it_are_runs_too(folder, tmp_path):
    (tmp_path / "latest").symlink_to("run")
    assert open_run(str(tmp_path / "latest")).folder == folder
    assert open_run(str(folder / "checkpoints" / "last.ckpt")).folder == folder
    copy = shutil.copy(folder / "checkpoints" / "last.ckpt", tmp_path / "mine.ckpt")
    assert open_run(str(copy)).folder == tmp_path


def test_a_model_is_called_as_people_call_its_run(settings, model, tmp_path):
    about = {"settings": asdict(settings), "inputs_sha256": {}}
    named = save(tmp_path / "x" / "2026-11-29_01-02-03", about, model)
    assert open_run(str(named)).name == "x", "its run.name, of which its folder is one of many"
    moved = shutil.copytree(named, tmp_path / "mine")
    assert open_run(str(moved)).name == "mine"
    alone = shutil.copy(moved / "checkpoints" / "last.ckpt", tmp_path / "a.ckpt")
    assert open_run(str(alone)).name == "x", "the folder of a copied checkpoint is not its run's"
    about[KEY] = {"settings": {"run": {"name": "lab"}, "data": {"vcf": "v", "synonyms": None}}, "inputs_sha256": {}}
    assert open_run(str(save(tmp_path / "lab" / "2026-11-29_02-03-04", about, model))).name == "lab"


def test_files_of_a_head_without_a_sha256_are_refused(settings, model, tmp_path):
    head = {"settings": {"run": {"name": "lab"}, "data": {"vcf": "v", "synonyms": None}}, "inputs_sha256": {"v": 7}}
    run = save(tmp_path / "lab", {"settings": asdict(settings), "inputs_sha256": {}, KEY: head}, model)
    with pytest.raises(InputError, match="inputs_sha256 of a head: wanted sha256"):
        open_run(str(run))


def test_a_run_that_does_not_exist_is_told(tmp_path):
    with pytest.raises(MissingInputError, match=r"model=.*/nothing: no such"):
        open_run(str(tmp_path / "nothing"))


def test_a_folder_without_a_checkpoint_is_no_run(tmp_path):
    with pytest.raises(InputError, match=r"has no checkpoints/last.ckpt"):
        open_run(str(tmp_path))
    (tmp_path / "record.json").write_text("{}")
    wanted = "this training has saved no checkpoint yet; run its command again, or name another run"
    with pytest.raises(InputError, match=f"^model={tmp_path}: {wanted}$"):
        open_run(str(tmp_path))


def test_a_file_that_is_no_checkpoint_is_told(tmp_path):
    (tmp_path / "x.ckpt").write_text("hello")
    with pytest.raises(InputError, match=r"x.ckpt: not an intact genolong checkpoint"):
        open_run(str(tmp_path / "x.ckpt"))


def test_settings_of_another_version_are_told(settings, model, tmp_path):
    plain = asdict(settings)
    del plain["model"]["width"]
    for about in ({"settings": plain, "inputs_sha256": {}}, {"settings": asdict(settings)}, {}):
        with pytest.raises(InputError, match=r"last.ckpt: its settings do not match this version") as caught:
            open_run(str(save(tmp_path, about, model)))
        assert caught.value.exit_code == 65


def test_a_run_of_an_earlier_version_is_opened_by_what_its_model_needs(settings, model, tmp_path):
    plain = asdict(settings)
    for later in ("parallel", "checkpoint", "resume", "logger", "optimizer"):
        del plain[later]
    plain["trainer"] = {"max_steps": 7, "forgotten": True}
    run = open_run(str(save(tmp_path, {"settings": plain, "inputs_sha256": {}}, model)))
    assert run.weights_sha256 == weights_sha256(model.state_dict())
    assert run.bases_per_step == 211 * 3 * settings.context.accumulation


def test_weights_of_another_model_are_told(settings, model, tmp_path):
    plain = asdict(settings)
    plain["model"]["layers"] = 3
    folder = save(tmp_path, {"settings": plain, "inputs_sha256": {}}, model)
    with pytest.raises(InputError, match=r"last.ckpt: its weights do not match its settings \(.* is missing, wanted"):
        open_run(str(folder))


def test_weights_of_another_type_or_without_a_finite_number_are_told(folder, settings, model, tmp_path):
    about = {"settings": asdict(settings), "inputs_sha256": {}}
    state = model.state_dict()
    name = next(iter(state))
    for change, words in (
        (lambda tensor: tensor.double(), rf"weights do not match its settings \({name} is float64\["),
        (lambda tensor: tensor[..., :-1], rf"weights do not match its settings \({name} is float32\["),
        (lambda tensor: tensor / 0, rf"{name} holds numbers that are not finite; use an earlier checkpoint"),
    ):
        path = tmp_path / "changed.ckpt"
        changed = {"state_dict": {**state, name: change(state[name])}, "global_step": 5}
        RunCheckpointIO(about).save_checkpoint(changed, path)
        with pytest.raises(InputError, match=words):
            open_run(str(path))


@pytest.mark.parametrize(("key", "value"), [("width", 6 << 36), ("layers", 1 << 39)])
def test_settings_that_want_a_giant_model_take_no_memory(settings, model, tmp_path, key: str, value: int):
    plain = asdict(settings)
    plain["model"][key] = value
    with pytest.raises(InputError, match=r"weights do not match its settings \(.* layers of width"):
        open_run(str(save(tmp_path, {"settings": plain, "inputs_sha256": {}}, model)))


@pytest.mark.parametrize("hashes", [3, None, [1], {"genome.fa": 3}])
def test_hashes_that_are_none_are_told(settings, model, tmp_path, hashes: object):
    with pytest.raises(InputError, match=r"its settings do not match this version"):
        open_run(str(save(tmp_path, {"settings": asdict(settings), "inputs_sha256": hashes}, model)))


def test_settings_without_a_window_are_told(settings, model, tmp_path):
    plain = asdict(settings)
    plain["context"]["window_bp"] = None
    with pytest.raises(InputError, match=r"do not match this version \('context.window_bp"):
        open_run(str(save(tmp_path, {"settings": plain, "inputs_sha256": {}}, model)))


def test_settings_that_look_into_the_environment_are_refused(settings, model, tmp_path):
    plain = asdict(settings)
    plain["data"]["cache"] = "${oc.env:HOME}"
    with pytest.raises(UnsafeInputError, match=r"last.ckpt: its settings: data.cache=.* is not looked up"):
        open_run(str(save(tmp_path, {"settings": plain, "inputs_sha256": {}}, model)))


def test_a_variant_head_without_its_settings_is_told(settings, model, tmp_path):
    about = {"settings": asdict(settings), "inputs_sha256": {}}
    state = {**model.state_dict(), "variant_head.x": torch.zeros(1)}
    RunCheckpointIO(about).save_checkpoint({"state_dict": state, "global_step": 5}, tmp_path / "x.ckpt")
    with pytest.raises(InputError, match=r"x.ckpt: the settings of its variant head: 'None': wanted named settings"):
        open_run(str(tmp_path / "x.ckpt"))


def asked(model: MaskedBases) -> dict[str, Tensor]:
    return known_answers(model.encoder.settings, model.state_dict())


def save_with(answers: dict[str, Tensor], settings, model: MaskedBases, path: Path) -> Path:
    about = {"settings": asdict(settings), "inputs_sha256": {"genome.fa": "abc"}}
    checkpoint = {"state_dict": model.state_dict(), "global_step": 5}
    RunCheckpointIO(about, lambda _: answers).save_checkpoint(checkpoint, path)
    return path


def test_a_model_that_says_what_it_said_is_used_without_a_word(settings, model, tmp_path):
    torch.nn.init.normal_(model.head.logits.weight)
    run = open_run(str(save_with(asked(model), settings, model, tmp_path / "x.ckpt")))
    assert run.known is not None and run.moved_on(torch.device("cpu")) == ()


def test_a_device_or_precision_that_moves_the_answers_is_told(settings, model, tmp_path):
    torch.nn.init.normal_(model.head.logits.weight)
    run = open_run(str(save_with(asked(model), settings, model, tmp_path / "x.ckpt")))
    run.model.bfloat16()
    (note,) = run.moved_on(torch.device("cpu"))
    assert note.startswith("this device (cpu) changes the model's answers to 1,021 known bases by up to 0.")
    assert note.endswith("nats (rounding alone: less than 0.001); its scores will differ from those elsewhere")


def test_answers_in_16_bits_are_told_as_such(settings, model, tmp_path):
    torch.nn.init.normal_(model.head.logits.weight, std=10)
    run = open_run(str(save_with(asked(model), settings, model, tmp_path / "x.ckpt")))
    choose_precision(run.model.encoder, "bf16-mixed", cuda=False)
    (note,) = run.moved_on(torch.device("cpu"))
    assert note.startswith("bfloat16 on this device (cpu) changes the model's answers")


def test_a_run_without_answers_is_not_asked(folder):
    run = open_run(str(folder))
    assert run.known is None and run.moved_on(torch.device("cpu")) == ()


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"status": "stopped: SIGINT", "steps": 1400}, "stopped: SIGINT after 1,400 steps"),
        ({"status": "started"}, "started"),
        ({"status": "stopped: OSError", "steps": "?"}, "stopped: OSError"),
    ],
)
def test_an_unfinished_training_is_told_whichever_way_its_model_is_named(folder, record: dict, words: str):
    (folder / "record.json").write_text(json.dumps({"settings": {}, **record}))
    for path in (folder, folder / "checkpoints" / "last.ckpt"):
        run = open_run(str(path))
        assert run.caveats(torch.device("cpu")) == run.unfinished == (
            f"{folder}: the training of this model has not finished (its record says: {words}); a finished one may "
            "answer better",
        )  # fmt: skip


@pytest.mark.parametrize(
    "record", ['{"settings": {}, "status": "finished"}', '{"settings": {}}', "{", '{"settings": {}, "status": 3}']
)
def test_nothing_is_told_of_a_finished_training_or_without_a_record_that_says(folder, record: str):
    (folder / "record.json").write_text(record)
    assert open_run(str(folder)).unfinished == ()


def test_a_record_beside_a_copied_checkpoint_is_not_its_own(folder, tmp_path):
    shutil.copy(folder / "checkpoints" / "last.ckpt", tmp_path / "model.ckpt")
    (tmp_path / "record.json").write_text('{"settings": {}, "status": "started"}')
    assert open_run(str(tmp_path / "model.ckpt")).unfinished == ()


def test_what_should_be_known_of_the_answers_is_told_together(settings, model, tmp_path):
    torch.nn.init.normal_(model.head.logits.weight)
    path = save_with(asked(model), settings, model, tmp_path / "run" / "checkpoints" / "last.ckpt")
    (tmp_path / "run" / "record.json").write_text('{"settings": {}, "status": "started"}')
    run = open_run(str(path))
    run.model.bfloat16()
    unfinished, moved = run.caveats(torch.device("cpu"))
    assert "has not finished" in unfinished
    assert "changes the model's answers" in moved


def test_answers_that_cannot_be_such_are_told(settings, model, tmp_path):
    answers = {**asked(model), "codes": torch.full((1, 5), 6, dtype=torch.uint8)}
    path = save_with(answers, settings, model, tmp_path / "x.ckpt")
    with pytest.raises(InputError, match=r"x.ckpt: its model.s answers to known bases are damaged .wanted codes"):
        open_run(str(path))
