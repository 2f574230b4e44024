"""What settings may not hold is told by its key or its line; what people and Hydra write passes."""

from pathlib import Path

import pytest

from genolong.errors import SettingsError, UnsafeInputError
from genolong.harmless import refuse_code, refuse_large_file


def nested(key: str, value: object) -> dict:
    """A tree that holds one value at a full name."""
    first, _, rest = key.partition(".")
    return {first: nested(rest, value) if rest else value}


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("run.folder", "${${x}:HOME}", r"run.folder: \${\${x:...} is not looked up"),
        ("run.folder", "${oc.${x}:HOME}", r"is not looked up; write the value itself"),
        ("run.folder", "\\${oc.env:HOME}", r"\${oc.env:...} is not looked up"),
        ("run.folder", "${now:${x}}", r"\${now:...} is not looked up"),
        (
            "hydra.job_logging.handlers.a.filename",
            "/x",
            r"a.filename=/x: a log is written only to .*; remove this key",
        ),
        ("hydra.job_logging.handlers.a.class", "logging.handlers.SMTPHandler", r"settings may not name code"),
        ("hydra.job.name", "../x", r"hydra.job.name=../x: names the log file; wanted a name without / or \$"),
        ("hydra.job.name", "${run.folder}", r"names the log file; wanted a name without / or \$"),
        ("hydra.launcher.setup", ["touch x"], r"hydra.launcher.setup=.*goes into a job's script; type it"),
        ("hydra.sweeper.params.+hydra/launcher", "x", r"hydra/launcher=x: a sweep varies only genolong's settings"),
        ("hydra.run.dir", "../x", r"hydra.run.dir=../x: a settings file may not choose a place outside this folder"),
        ("hydra.run.dir", "${now:..}/x", r"may not choose a place outside"),
        ("hydra.run.dir", "${data.fasta}/x", r"may not choose a place outside"),
        ("hydra.sweep.dir", "/x", r"may not choose a place outside"),
        ("hydra.sweep.subdir", "x/../../y", r"may not choose a place outside"),
        ("hydra.output_subdir", "~/x", r"may not choose a place outside"),
    ],
)
def test_what_reaches_beyond_the_settings_is_refused(key: str, value: object, words: str):
    with pytest.raises(UnsafeInputError, match=words):
        refuse_code(nested(key, value))


@pytest.mark.parametrize("key", ["hydra.run.dir", "hydra.sweep.dir", "hydra.output_subdir", "hydra.launcher.setup"])
def test_who_types_a_place_means_it(key: str):
    refuse_code(nested(key, "/scratch/../x"), {key})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hydra.run.dir", "${run.folder}/${run.name}/${now:%Y-%m-%d_%H-%M-%S-%f}"),
        ("hydra.sweep.subdir", "${hydra.job.override_dirname}/${hydra.job.num}"),
        ("hydra.job_logging.handlers.file.filename", "${hydra.runtime.output_dir}/${hydra.job.name}.log"),
        ("hydra.launcher.setup", None),
        ("run.folder", "/scratch/me/$USER/runs"),
        ("data.fasta", "${ run.folder }/a.fa"),
    ],
)
def test_what_people_and_hydra_write_passes(key: str, value: object):
    refuse_code(nested(key, value))


@pytest.mark.parametrize("reference", ["${a.x}", "${.x}", "${a[x]}", "${..a.x}"])
def test_values_that_grow_when_they_are_looked_up_are_refused(reference: str):
    refuse_code({"a": {"x": "l" * 1000, "y": reference}})
    with pytest.raises(SettingsError, match=r"longer than 1,048,576 characters once \${...} is looked up"):
        refuse_code({"a": {"x": "l" * 200_000, "y": reference * 6}})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &x 1", r"line 1: aliases \(&, \*\) are not read"),
        ("a: 1\nb: 010", r"line 2: YAML reads 010 as the number 8; write a number without leading zeros"),
        ("a: 12:30", r"line 1: YAML reads 12:30 as the number 750"),
        ("a: " + "[" * 51 + "]" * 51, r"line 1: settings nested more than 50 deep"),
        ("# " + "x" * (1 << 20), r"holds more than 1,048,576 bytes"),
        ("a: \udcff", r"is not UTF-8 text"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused_with_its_line(tmp_path: Path, text: str, words: str):
    path = tmp_path / "theirs.yaml"
    path.write_text(text, errors="surrogateescape")
    with pytest.raises(SettingsError, match=words) as caught:
        refuse_large_file(path)
    assert str(caught.value).startswith(str(path))


def test_numbers_and_times_that_mean_what_they_say_pass(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text("a: [0, 10, 1e-3, -7, 0.5, '012', 00:01:30:00, 0x1F]\nb: x:y")
    refuse_large_file(path)
