"""Settings are checked where they enter: types, unknown keys, and numbers that cannot be meant."""

from dataclasses import asdict, dataclass
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hypothesis import given
from hypothesis import strategies as st

from genolong.errors import InputError, SettingsError, UnsafeInputError
from genolong.settings import CONF, DEMO, TrainSettings, check, known_keys, train_settings


def plain(*overrides: str) -> dict[str, Any]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return asdict(train_settings(compose("train", list(overrides))))


PLAIN = plain()


def changed(key: str, value: Any) -> dict[str, Any]:
    """The settings of a plain `train`, with one of them set to something else."""
    settings = {name: dict(part) if isinstance(part, dict) else part for name, part in PLAIN.items()}
    *rooms, last = key.split(".")
    node: dict[str, Any] = settings
    for room in rooms:
        node[room] = dict(node[room])
        node = node[room]
    node[last] = value
    return settings


def test_without_a_fasta_the_genome_that_comes_along_is_read():
    assert PLAIN["data"]["fasta"] == str(DEMO / "genome.fa.gz")
    assert (DEMO / "genome.fa.gz").is_file()
    assert plain("data.fasta=[a.fa,b.fa]")["data"]["fasta"] == ["a.fa", "b.fa"]


def test_settings_survive_being_written_down():
    assert asdict(check(PLAIN, TrainSettings)) == PLAIN


@given(
    st.sampled_from(known_keys(TrainSettings)), st.sampled_from([-1, -0.5, float("nan"), float("inf"), 1 << 70, "x"])
)
def test_a_value_is_taken_or_refused_with_its_name(key, value):
    try:
        check(changed(key, value), TrainSettings)
    except SettingsError as error:
        assert key.rsplit(".", 1)[-1] in str(error)
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("model.width", "wide", r"model.width=wide: wanted a whole number$"),
        ("model.widht", 3, r"model.widht: no such setting; did you mean model.width\?"),
        ("model", 3, r"model: "),
        ("model.segments", 8, r"model.segments: wanted a list; write model.segments=\[...\], also for a single value"),
        ("model.width", 1.5, r"model.width=1.5: wanted a whole number$"),
        ("data.min_known", "half", r"data.min_known=half: wanted a number$"),
        ("trainer.deterministic", "perhaps", r"trainer.deterministic=perhaps: wanted true or false$"),
        ("data.min_known", None, r"data.min_known=null: wanted a value; leave it out for the default$"),
        ("data.workers", 1.5, r"data.workers=1.5: wanted a whole number$"),
        ("model.width", 1 << 50, r"model.width=1125899906842624: wanted a number, at most 1.1e\+12"),
        ("model.rotary_base", float("nan"), r"model.rotary_base=nan: wanted a number"),
        ("run.name", "../x", r"run.name='../x': wanted the name of a folder"),
        ("run.folder", "", r"run.folder=.*: is empty; wanted the folder where all runs are kept"),
        ("seed", -1, r"seed=-1: wanted a whole number from 0 to 4294967295"),
        ("context.window_bp", 0, r"context.window_bp=0: wanted 1 or more"),
        ("context.checkpoint_blocks", -1, r"context.checkpoint_blocks=-1: wanted 0 or more"),
        ("trainer.max_steps", 0, r"trainer.max_steps=0: wanted a number of steps"),
        ("trainer.devices", 0, r"trainer.devices=0: wanted 1 or more"),
        ("checkpoint.every_n_steps", 0, r"checkpoint.every_n_steps=0: wanted 1 or more"),
        ("checkpoint.keep", 0, r"checkpoint.keep=0: wanted 1 or more"),
        ("parallel.sequence", 2, r"parallel.sequence=2 does not divide trainer.devices=1"),
        ("parallel.sequence", 0, r"parallel.sequence=0: wanted 1 or more"),
        ("parallel.patience_s", 1, r"parallel.patience_s=1: wanted 5 seconds or more"),
        ("trainer.accelerator", "tpu", r"trainer.accelerator=tpu: wanted auto or cpu or cuda"),
        ("trainer.attention", "mkl", r"trainer.attention=mkl: wanted auto or aten or cpp or flash or triton"),
        ("trainer.precision", "16", r"trainer.precision=16: wanted auto or 32-true or bf16-mixed"),
        ("trainer.max_time", "1h", r"trainer.max_time=1h: wanted days:hours:minutes:seconds"),
        ("trainer.max_time", "00:00:00:00", r"trainer.max_time=00:00:00:00: wanted .* more than 0"),
        ("trainer.ema_decay", 1.0, r"trainer.ema_decay=1.0: wanted at least 0"),
    ],
)
def test_what_cannot_be_right_is_refused_in_one_line(key, value, words):
    with pytest.raises(SettingsError, match=words) as caught:
        check(changed(key, value), TrainSettings)
    assert caught.value.exit_code == 64
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("data.fasta", {"_target_": "os.system"}, r"data.fasta._target_: settings may not name code"),
        ("data.cache", "${oc.env:HOME}", r"data.cache=\${oc.env:HOME}: is not looked up"),
    ],
)
def test_what_could_run_code_is_refused_for_safety(key, value, words):
    with pytest.raises(UnsafeInputError, match=words):
        check(changed(key, value), TrainSettings)


@pytest.mark.parametrize("settings", [None, 3, "seed: 1", ["seed"]])
def test_what_is_no_settings_at_all_is_refused(settings):
    with pytest.raises(SettingsError, match="wanted named settings"):
        check(settings, TrainSettings)


def test_a_missing_setting_is_named():
    settings = changed("seed", 1)
    del settings["seed"]
    with pytest.raises(SettingsError, match=r"seed: is missing; add seed=..."):
        check(settings, TrainSettings)


def test_a_rule_of_a_nested_class_is_heard():
    @dataclass(frozen=True)
    class Inner:
        even: int

        def __post_init__(self) -> None:
            if self.even % 2:
                raise InputError(f"inner.even={self.even}")

    @dataclass(frozen=True)
    class Outer:
        inner: Inner

    assert check({"inner": {"even": 2}}, Outer) == Outer(Inner(2))
    with pytest.raises(InputError, match=r"inner.even=3"):
        check({"inner": {"even": 3}}, Outer)
