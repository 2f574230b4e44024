"""The recipes of conf/experiment: each composes, says what it needs as plan counts it today, and trains."""

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from genolong import cli
from genolong.commands.planning.plan import plan
from genolong.commands.planning.plan_settings import PlanSettings
from genolong.commands.training.train import bases_per_step, train
from genolong.commands.training.variant_training_settings import VariantTrainSettings
from genolong.composing import TRAINED
from genolong.counted import size
from genolong.settings import CONF, TrainSettings, check, known_keys, on_a_genome, train_settings
from tests.builders.genomes import random_letters

PROJECT = Path(__file__).resolve().parent.parent
RECIPES = sorted((CONF / "experiment").glob("*.yaml"))
OF_VARIANTS = sorted((TRAINED / "experiment").glob("*.yaml"))
PLANNED = re.compile(r"^# plan (experiment=(\w+) device=(\w+)(?: trainer.attention=aten)?): (.*)$", re.MULTILINE)
TINY = [
    "model.width=8", "model.layers=1", "model.heads=2", "context.window_bp=256", "context.batch=1",
    "context.accumulation=2", "trainer.max_steps=2", "trainer.accelerator=cpu", "data.validation_windows=1",
    "data.workers=0", "data.min_known=0.5", "logger.tensorboard=false", "init_from=null",
    "trainer.devices=1", "parallel.sequence=1",
]  # fmt: skip


def composed(command: str, *words: str) -> DictConfig:
    with initialize_config_dir(str(TRAINED if command == "train_variants" else CONF), version_base="1.3"):
        return compose(command, list(words))


def planned(name: str, device: str) -> str:
    """What plan says of a recipe on a device, as its comment says it: on a CPU no time, which is the machine's.

    Nor whether there is a compiler for attention in C++.
    """
    words = [f"experiment={name}", f"device={device}", *(["trainer.attention=aten"] if device == "cpu" else [])]
    settings = on_a_genome(composed("plan", *words), PlanSettings)
    made = plan(settings)
    told = f"peak memory {size(made.peak)}"
    if device == "cpu":
        return told
    minutes = made.seconds.all * settings.trainer.max_steps / 60
    last = f"{minutes / 60:.3g} hours" if minutes >= 60 else f"{minutes:.3g} minutes"
    return f"{told}, {made.seconds.all:.3g} s a step, {last} for all steps"


def ids(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", RECIPES, ids=ids)
def test_a_recipe_composes_and_its_settings_pass(path: Path):
    settings = train_settings(composed("train", f"experiment={path.stem}"))
    assert settings.run.name == path.stem
    written = yaml.safe_load(path.read_text())
    written.pop("defaults")
    for key, value in leaves(written):
        assert asdict_at(asdict(settings), key) == value, "what a recipe says wins over the defaults"
    fasta = settings.data.fasta
    assert str(Path(fasta).parent) in {"data/demo_long", "data/yeast", "data/celegans", "data/hg38"}


@pytest.mark.parametrize("path", OF_VARIANTS, ids=ids)
def test_a_recipe_of_variants_composes_and_its_settings_pass(path: Path):
    settings = check(composed("train_variants", f"experiment={path.stem}"), VariantTrainSettings)
    assert settings.run.name == path.stem and settings.task == "variant_effect"
    for key, _ in leaves(yaml.safe_load(path.read_text())):
        assert key in known_keys(VariantTrainSettings)


@pytest.mark.parametrize("path", RECIPES, ids=ids)
def test_a_recipe_says_what_plan_says(path: Path):
    said = PLANNED.findall(path.read_text())
    assert said, "a recipe says what it needs"
    for command, name, device, figures in said:
        assert name == path.stem
        assert figures == planned(name, device), f"genolong plan {command} says otherwise now"


def test_the_table_in_the_docs_says_what_the_recipes_say():
    text = (PROJECT / "docs" / "recipes.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", text, re.MULTILINE)
    assert [name for name, _ in rows] and {name for name, _ in rows} == {each.stem for each in (*RECIPES, *OF_VARIANTS)}
    for name, said in rows:
        if said != "not counted":
            assert f"peak memory {' '.join(said.split()[:2])}" in (CONF / "experiment" / f"{name}.yaml").read_text()


@pytest.mark.parametrize("path", [*RECIPES, *OF_VARIANTS], ids=ids)
def test_a_recipe_says_what_it_is_needs_and_gave(path: Path):
    first, second, *rest = path.read_text().splitlines()
    assert first == "# @package _global_" and second.startswith(f"# {path.stem}: ")
    assert any(line.startswith("# needs: ") for line in rest) and any(line.startswith("# gave: ") for line in rest)
    assert max(map(len, (first, second, *rest))) <= 120


@pytest.mark.parametrize("path", RECIPES, ids=ids)
def test_a_recipe_trains(path: Path, tmp_path: Path):
    words = [*TINY, f"data.cache={tmp_path}", f"run.folder={tmp_path}"]
    config: Any = OmegaConf.to_container(composed("train", f"experiment={path.stem}", *words))
    config["data"]["fasta"] = None  # the bundled genome
    config["data"]["validation"] = "chr4"
    config["optimizer"]["warmup_steps"] = 1
    done = train(on_a_genome(DictConfig(config), TrainSettings), tmp_path / "run")
    assert done.trainer.global_step == 2 and done.record["settings"]["run"]["name"] == path.stem


def test_the_three_lengths_of_the_human_genome_read_as_many_bases_a_step_and_go_on_from_each_other():
    chain = [
        train_settings(composed("train", f"experiment={name}")) for name in ("hg38_8k", "hg38_131k", "hg38_1m_8gpu")
    ]
    assert {bases_per_step(each) for each in chain} == {1 << 20}
    assert [each.context.window_bp for each in chain] == [8192, 131072, 1048576]
    assert len({str(each.model) for each in chain}) == 1
    assert len({str((each.data.validation, each.data.regions, each.data.fasta)) for each in chain}) == 1
    assert [each.init_from for each in chain] == [None, "runs/hg38_8k/latest", "runs/hg38_131k/latest"]


MINE = """# @package _global_
# {name}: of one's own.
defaults:
  - override /model: mini

seed: {seed}  # wins over train.yaml
run:
  name: {name}
model:
  layers: 1
  width: 6
  heads: 3
  segment: 7
context:
  window_bp: 29
trainer:
  max_steps: 2
"""


def test_a_recipe_of_ones_own_is_swept_resumed_and_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["genolong"])
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    (tmp_path / "g.fa").write_text(f">one\n{random_letters(811, seed=1)}\n")
    for name, seed in (("wheat", 5), ("rye", 7)):
        (tmp_path / "mine" / "experiment" / f"{name}.yaml").write_text(MINE.format(name=name, seed=seed))
    few = ["data.fasta=g.fa", "data.workers=0", "logger.tensorboard=false", "data.validation_windows=2"]

    def typed(*words: str) -> str:
        with pytest.raises(SystemExit) as left:
            cli.main([words[0], "-cd", "mine", *words[1:], *few])
        out, err = capfd.readouterr()
        assert left.value.code == 0, err
        return out

    def record(folder: str) -> dict[str, Any]:
        return json.loads((tmp_path / folder / "record.json").read_text())

    typed("train", "-m", "experiment=wheat,rye")
    for name, seed in (("wheat", 5), ("rye", 7)):
        (found,) = (tmp_path / "runs" / name).glob("2*")
        assert record(str(found))["seed"] == seed and record(str(found))["settings"]["model"]["layers"] == 1
    typed("train", "experiment=wheat", "seed=3", "hydra.run.dir=here")
    typed("train", "experiment=wheat", "seed=3", "hydra.run.dir=here", "trainer.max_steps=3")
    assert (record("here")["seed"], record("here")["steps"], record("here")["resumed"][0]["step"]) == (3, 3, 2)
    assert "window 29" in typed("plan", "experiment=wheat", "device=h100")


def leaves(node: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    return [
        pair
        for key, value in node.items()
        for pair in (leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, value)])
    ]


def asdict_at(node: Any, key: str) -> Any:
    for part in key.split("."):
        node = node[part]
    return node
