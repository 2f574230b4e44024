"""Help shows every setting as it is typed, with its value and the comment that stands beside it in conf/."""

import re

import pytest

from genolong.commands.embeddings.embed_settings import EmbedSettings
from genolong.commands.evaluation.evaluation_settings import EvaluationSettings
from genolong.commands.maps.map_settings import MapSettings
from genolong.commands.pages.report_settings import ReportSettings
from genolong.commands.repeating.reproduce_settings import ReproduceSettings
from genolong.commands.sharing.export_settings import ExportSettings
from genolong.commands.variants.predict_settings import PredictSettings
from genolong.composing import CONF, FOLDERS, settings_of
from genolong.help import comments, every_setting, header, help_text, table, title
from genolong.settings import TrainSettings, known_keys

SCHEMAS = {
    "train": TrainSettings, "evaluate": EvaluationSettings, "predict": PredictSettings, "export": ExportSettings,
    "embed": EmbedSettings, "map": MapSettings, "reproduce": ReproduceSettings, "report": ReportSettings,
}  # fmt: skip


@pytest.mark.parametrize("command", SCHEMAS)
def test_every_setting_is_shown_with_what_it_means(command):
    shown = help_text(FOLDERS[command], command, ["all"])
    for key in known_keys(SCHEMAS[command]):
        assert re.search(rf"^  {re.escape(key)}=\S+ +\S+", shown, flags=re.MULTILINE), f"{key} is not explained"
    assert max(map(len, shown.splitlines())) <= 120


@pytest.mark.parametrize("file", sorted(CONF.rglob("*.yaml")), ids=lambda file: str(file.relative_to(CONF)))
def test_no_preset_has_a_value_without_a_comment(file):
    body = file.read_text().split("\nhydra:")[0]
    unexplained = [
        line for line in body.splitlines() if re.match(r" *\w+: *\S", line) and "#" not in line and "-" not in line
    ]
    assert not unexplained


def test_help_follows_what_is_typed():
    shown = every_setting(CONF, "train", ["model=small", "context=32k", "seed=7"])
    assert help_text(CONF, "train", ["model=small", "all", "context=32k", "seed=7"]) == shown
    assert "model=small   (one of: base large mini small tiny)" in shown
    assert "context=32k   (one of: 1k 1m 2k 8k 32k 131k chromosome)" in shown
    assert "  model.width=256 " in shown
    assert "  seed=7 " in shown


@pytest.mark.parametrize("command", FOLDERS)
def test_help_fits_a_screen_and_begins_with_examples(command):
    shown = help_text(FOLDERS[command], command, [])
    lines = shown.splitlines()
    assert len(lines) <= 40 and max(map(len, lines)) <= 120
    assert lines[0].startswith("genolong ") and lines.index("examples:") < 6
    words = "train task=variant_effect" if command == "train_variants" else command
    assert f"genolong {words} --help all " in shown, "where the rest is"


@pytest.fixture(scope="module")
def of_command() -> dict[str, set[str]]:
    """The settings of each command."""
    return {name: {*settings_of(FOLDERS[name], name), "experiment", "task"} for name in FOLDERS}


@pytest.mark.parametrize("command", FOLDERS)
def test_examples_use_settings_that_there_are(command, of_command):
    examples = [line for line in header((FOLDERS[command] / f"{command}.yaml").read_text()) if line.startswith("  ")]
    for line in examples:
        found = re.match(r" *(?:.*\| )?genolong (\w+) ", line)
        name = found[1] if found else command
        name = "train_variants" if name == "train" and "task=" in line else name
        typed = re.findall(r"(?<= )([a-z_.]+)=", line)
        assert {key for key in typed if not key.startswith("hydra.")} <= of_command[name], line


def test_short_help_follows_what_is_typed_too():
    shown = help_text(CONF, "train", ["experiment=yeast", "seed=7"])
    for line in ("experiment=yeast ", "model=mini ", "context=2k ", "optimizer=muon ", "seed=7 ", "run.name=yeast "):
        assert f"\n  {line}" in shown


def test_the_title_of_a_recipe_is_not_the_line_for_hydra():
    assert title("# @package _global_\n# yeast: a recipe\n\nseed: 1  # x\n# not this\n") == "yeast: a recipe"
    assert title("seed: 1  # x\n") == ""


def test_comments_belong_to_the_full_name_of_their_key():
    yaml = "# title\na: 1  # one\nb:\n  c: x   # see, two\n  d:\n    e: 3\nf: null # last\n"
    assert dict(comments(yaml)) == {"a": "one", "b": "", "b.c": "see, two", "b.d": "", "b.d.e": "", "f": "last"}


def test_a_long_comment_goes_on_below_itself():
    first, second, third, *_ = table({"a": True, "b": None}, "x.", {"x.a": "word " * 30}).splitlines()
    assert first.startswith("  x.a=true" + " " * 26 + "word")
    assert second.startswith(" " * 36 + "word")
    assert third == "  x.b=null"
