"""Mutants of settings, in a file and on the command line: settings that pass every check, or one line."""

import os
from functools import partial
from pathlib import Path

from hydra import compose, initialize_config_dir

from genolong.composing import CONF, guard
from genolong.endings import explain
from genolong.errors import InputError
from genolong.settings import TrainSettings, train_settings
from tests.faults.judged import times, works_or_refuses
from tests.faults.mutants import mutants

FILE = b"""# @package _global_
seed: 3
model: {width: 8, heads: 2}
context:
  window_bp: 64
data:
  fasta: [a.fa, b.fa]
"""
OVERRIDES = b"model.width=8\tcontext=2k\tdata.fasta=[a.fa,b.fa]\toptimizer=muon\t++seed=3\trun.name='a b'"
PIECES = (
    b": ", b"\n  ", b"- ", b"[", b"]", b"{", b"}", b"&a ", b"*a", b"!!python/name:os.system ", b"${", b"${seed}", b"~",
    b"+", b"'", b'"', b"null", b".inf", b"1e400", b"012", b"12:30", b"_target_: x", b"defaults: [model: base]", b"?",
    b"|", b"@", b"=", b"\\", b"model", b"=glob(*)", b"range(1,3)", b"hydra.run.dir=../x", b"\x85", b"-m",
)  # fmt: skip


def checked(folder: Path, overrides: list[str]) -> TrainSettings:
    guard()
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return train_settings(compose("train", [f"hydra.searchpath=[{folder}]", *overrides]))
    except InputError:
        raise
    except Exception as error:
        line, code = explain(error, "train")
        assert code == 64, line
        raise InputError(" ".join(line.split())) from error


@times(quick=25, nightly=1000)
def test_a_mutant_of_a_file_is_checked_or_refused(tmp_path: Path, count: int):
    (tmp_path / "experiment").mkdir()
    for mutant in mutants(FILE, PIECES, count, seed=47):
        (tmp_path / "experiment" / "more.yaml").write_bytes(mutant)
        works_or_refuses(partial(checked, tmp_path, ["experiment=more"]))


@times(quick=25, nightly=1000)
def test_a_mutant_of_what_is_typed_is_checked_or_refused(tmp_path: Path, count: int):
    for mutant in mutants(OVERRIDES, PIECES, count, seed=53):
        typed = [os.fsdecode(word) for word in mutant.replace(b"\0", b"").split(b"\t") if word]
        works_or_refuses(partial(checked, tmp_path, typed))
