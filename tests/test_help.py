"""Help shows every setting as it is typed, with its value and the comment that stands beside it in conf/."""

import re

import pytest

from genolong.commands.embed_settings import EmbedSettings
from genolong.commands.evaluation_settings import EvaluationSettings
from genolong.commands.export_settings import ExportSettings
from genolong.commands.map_settings import MapSettings
from genolong.commands.predict_settings import PredictSettings
from genolong.commands.report_settings import ReportSettings
from genolong.commands.reproduce_settings import ReproduceSettings
from genolong.composing import CONF, FOLDERS
from genolong.help import comments, help_text, table
from genolong.settings import TrainSettings, known_keys

SCHEMAS = {
    "train": TrainSettings, "evaluate": EvaluationSettings, "predict": PredictSettings, "export": ExportSettings,
    "embed": EmbedSettings, "map": MapSettings, "reproduce": ReproduceSettings, "report": ReportSettings,
}  # fmt: skip


@pytest.mark.parametrize("command", SCHEMAS)
def test_every_setting_is_shown_with_what_it_means(command):
    shown = help_text(FOLDERS[command], command, [])
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
    shown = help_text(CONF, "train", ["model=small", "context=32k", "seed=7"])
    assert "model=small   (of base large mini small tiny)" in shown
    assert "context=32k   (of 1k 1m 2k 8k 32k 131k chromosome)" in shown
    assert "  model.width=256 " in shown
    assert "  seed=7 " in shown


def test_comments_belong_to_the_full_name_of_their_key():
    yaml = "# title\na: 1  # one\nb:\n  c: x   # see, two\n  d:\n    e: 3\nf: null # last\n"
    assert dict(comments(yaml)) == {"a": "one", "b": "", "b.c": "see, two", "b.d": "", "b.d.e": "", "f": "last"}


def test_a_long_comment_goes_on_below_itself():
    first, second, third, *_ = table({"a": True, "b": None}, "x.", {"a": "word " * 30}).splitlines()
    assert first.startswith("  x.a=true" + " " * 26 + "word")
    assert second.startswith(" " * 36 + "word")
    assert third == "  x.b=null"
