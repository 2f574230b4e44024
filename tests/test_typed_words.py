"""What people type as a text reaches Hydra as that text; what Hydra's grammar knows it reads as ever."""

import os

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from genolong.composing import TRAINED
from genolong.settings import CONF, train_settings
from genolong.typed_words import understood

PLAIN = st.characters(blacklist_categories=("Cs",), blacklist_characters="\0")


def value_of(word: str):
    """What Hydra makes of a word."""
    value = OverridesParser.create().parse_override(word).value()
    return getattr(value, "text", value)


@given(st.text(PLAIN, min_size=1).filter(lambda text: text[0] not in "[{'\"~" and text == text.strip()))
def test_any_text_comes_through_or_is_what_hydra_made_of_it(text: str):
    (word,) = understood([f"data.fasta={text}"])
    if word == f"data.fasta={text}":
        OverridesParser.create().parse_override(word)  # as ever
    else:
        assert value_of(word) == text


@pytest.mark.parametrize(
    "text",
    ["müller's genome (1).fa", "a=b.fa", "x[1].fa", "a;b!.fa", "a~b", "#1.fa", "9 % & more.fa", "a\\ü\\", "f(1)"],
)
def test_paths_of_all_kinds_are_texts(text: str):
    assert value_of(understood([f"vcf={text}"])[0]) == text


@pytest.mark.parametrize(
    "word",
    ["seed=1,2", "data.fasta=[a.fa,b.fa]", "a={x:1}", "a='b c'", "a=", "+a=1", "~a", "-m", "a=x y", "[a=x"],
)
def test_what_hydra_reads_is_left_to_it(word: str):
    assert understood([word]) == [word]


@pytest.mark.parametrize("text", ["2026_11_27", "1_0", "-1_0", "1_0.5", "1.10_2"])
def test_a_number_with_underscores_is_the_text_that_was_typed(text: str):
    assert value_of(understood([f"run.name={text}"])[0]) == text


def test_a_setting_that_is_a_number_reads_them_as_one():
    words = understood(["trainer.max_steps=1_000", "optimizer.learning_rate=0.000_5", "run.name=2026_11"])
    with initialize_config_dir(str(CONF), version_base="1.3"):
        settings = train_settings(compose("train", words))
    assert (settings.trainer.max_steps, settings.optimizer.learning_rate) == (1_000, 0.000_5)
    assert settings.run.name == "2026_11"


def test_mistakes_in_lists_are_left_to_be_told():
    assert understood(["a=[b", 'a="b', "a={b"]) == ["a=[b", 'a="b', "a={b"]


def test_values_of_a_sweep_stay_several():
    assert understood(["data.fasta=ä.fa,ö.fa", "-m"]) == ["data.fasta=ä.fa,ö.fa", "-m"]
    assert understood(["data.fasta=ä,ö.fa"]) == ["data.fasta='ä,ö.fa'"]


def test_home_is_meant_behind_the_sign_too(monkeypatch):
    monkeypatch.setenv("HOME", "/home/it's")
    (word,) = understood(["hydra.run.dir=~/runs"])
    assert value_of(word) == os.path.join("/home/it's", "runs")
    assert value_of(understood(["a=~other"])[0]) == "~other"


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("region=chr1:1,001-1,500", "chr1:1,001-1,500"),
        ("region=17", "17"),
        ("region=12:30-40", "12:30-40"),
        ("region=HLA-A*01:01:7-9", "HLA-A*01:01:7-9"),
        ("region=gi|7|it's:1-9", "gi|7|it's:1-9"),
        (r"region=a\b:1-9\\", r"a\b:1-9\\"),
        (r"region=a\'b", r"a\'b"),
        ("region='chr1:1,001-1,500'", "chr1:1,001-1,500"),
        ("region=a=b:1-9", "a=b:1-9"),
    ],
)
def test_a_region_is_taken_as_it_is_typed(word: str, text: str):
    with initialize_config_dir(str(TRAINED), version_base="1.3"):
        assert str(compose("map", [understood([word], texts=["region"])[0]]).region) == text
