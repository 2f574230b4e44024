"""Settings from a stranger select and never execute: no command runs, no file is written elsewhere, nothing hangs."""

import resource
import sys
from pathlib import Path

import pytest

from genolong import cli
from tests.faults.judged import hang_is_a_failure

MARK = "marker"  # what a payload that runs would leave in the folder
TARGETS = {  # of each: the key that it hangs on, and the value
    "os": "+model._target_=os.system",
    "spawn": "++model.x={_target_: setuptools._distutils.spawn.spawn, cmd: [touch, marker]}",
    "torch.load": "+task._target_=torch.load",
    "numpy.load": "+task={_target_: numpy.load, file: x.npy, allow_pickle: true}",
    "read_pickle": "+data._target_=pandas.read_pickle",
    "torch.hub": "+model={_target_: torch.hub.load, source: local}",
    "copyfile": "+run._target_=shutil.copyfile",
    "write_text": "+run.x._target_=pathlib.Path.write_text",
    "open": "+trainer={_target_: builtins.open, file: marker, mode: w}",
    "partial": "+optimizer={_target_: os.system, _partial_: true, command: touch marker}",
    "args": "data.fasta={_args_: [touch marker]}",
    "convert": "++seed={_convert_: all}",
    "instantiator": "+model._instantiator=os.system",
    "class_path": "+model._class_path=os.system",
    "callback": "+hydra.callbacks.mine={_target_: os.system, command: touch marker}",
    "launcher": "hydra.launcher._target_=subprocess.run",
    "sweeper": "++hydra.sweeper._target_=torch.hub.load",
    "sweeper's parameters": "++hydra.sweeper.params={hydra.run.dir: /tmp/x}",
    "handler": "+hydra.job_logging.handlers.a.class=os.system",
    "handler's file": "+hydra.job_logging.handlers.a={class: logging.FileHandler, filename: marker}",
    "handler's socket": "+hydra.job_logging.handlers.a={class: logging.handlers.SocketHandler, host: x, port: 1}",
    "job's name": "hydra.job.name=../marker",
    "stream": "+hydra.job_logging.handlers.a.stream=ext://os.environ",
    "preload": "+hydra.job.env_set.LD_PRELOAD=./marker.so",
    "environment": "run.folder=${oc.env:HOME}",
    "environment by another name": "run.folder='${${run.name}:HOME}'",
    "environment in parts": "run.folder='${oc.${run.name}:HOME}'",
    "environment, escaped": "run.folder='\\${oc.env:HOME}'",
    "decode": "data.fasta='${oc.decode:HOME}'",
    "eval": "seed='${eval:1+1}'",
    "package": "hydra.searchpath=[pkg://evil]",
    "deep list": f"data.fasta={'[' * 3000}{']' * 3000}",
}
FILES = {
    "target": "model: {_target_: os.system, command: touch marker}",
    "python tag": "seed: !!python/object/apply:os.system ['touch marker']",
    "python name": "seed: !!python/name:os.system",
    "aliases": "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]",
    "merge key": "base: &base {seed: 2}\nrun:\n  <<: *base",
    "laughs": "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9) if n else 'lol'}]" for n in range(12)),
    "interpolations": "a0: lol\n" + "\n".join(f"a{n}: {f'${{a{n - 1}}}' * 9}" for n in range(1, 12)),
    "relative interpolations": "z:\n  a0: lol\n" + "\n".join(f"  a{n}: {f'${{.a{n - 1}}}' * 9}" for n in range(1, 12)),
    "deep flow": f"a: {'[' * 3000}{']' * 3000}",
    "deep blocks": "\n".join(f"{' ' * n}a:" for n in range(300)),
    "large": f"# {'x' * (1 << 20)}",
    "folder of the run": "hydra: {run: {dir: ../../marker}}",
    "absolute folder": "hydra: {run: {dir: /tmp/genolong-marker}}",
    "folder made of time": "hydra: {run: {dir: '${now:..}/${now:..}/marker'}}",
    "folder of sweeps": "hydra: {sweep: {dir: ~/marker}}",
    "folder inside": "hydra: {output_subdir: ../marker}",
    "script of a job": "hydra: {launcher: {setup: [touch marker]}}",
    "search path": "hydra: {searchpath: ['pkg://evil']}",
    "environment": "run: {folder: '${oc.env:HOME}'}",
    "octal": "seed: 012",
    "sexagesimal": "seed: 12:30",
    "same key twice": "seed: 1\nseed: 2",
    "tab": "run:\n\tname: x",
    "no YAML": "<html>{[",
    "a list": "- 1\n- 2",
    "long number": f"seed: {'9' * 5000}",
    "circle": "a: ${b}\nb: ${a}",
    "UTF-16": "seed: 1",
    "Latin-1": "seed: 1  # \u00e9",
}
ENCODINGS = {"UTF-16": "utf-16", "Latin-1": "latin-1"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to type commands in, with a package in it whose import would leave a mark."""
    place = tmp_path / "a" / "b"
    (place / "evil").mkdir(parents=True)
    (place / "evil" / "__init__.py").write_text(f"from pathlib import Path\nPath({str(tmp_path / MARK)!r}).touch()")
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(place)
    monkeypatch.setattr(sys, "argv", ["genolong"])
    monkeypatch.setenv("HOME", "/a-secret-of-the-environment")
    return tmp_path


def refused(folder: Path, capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """The exit code and the line of a command that shall be refused, and leave nothing but an empty folder of runs."""
    before = {path for path in folder.rglob("*") if "__pycache__" not in path.parts}
    with pytest.raises(SystemExit) as left, hang_is_a_failure(20):
        cli.main(["train", "trainer.max_steps=1", "data.fasta=none.fa", *arguments])
    _, err = capfd.readouterr()
    lines = err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("genolong: error: "), err[:2000]
    assert "a bug in genolong" not in err and "no such option" not in err
    assert "a-secret" not in err
    after = {path for path in folder.rglob("*") if "__pycache__" not in path.parts}
    assert all(path.name == "runs" and not [*path.iterdir()] for path in after - before) and before <= after
    assert isinstance(left.value.code, int)
    return left.value.code, lines[0]


@pytest.mark.parametrize("name", TARGETS)
def test_an_override_that_would_run_code_is_refused(folder, capfd, name: str):
    code, line = refused(folder, capfd, TARGETS[name])
    assert code in (64, 77), line
    assert len(line) < 400 or name == "deep list"


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_settings_that_would_run_code_is_refused(folder, capfd, name: str):
    theirs = folder / "a" / "b" / "theirs"
    (theirs / "experiment").mkdir(parents=True)
    text = f"# @package _global_\n{FILES[name]}\n"
    if name == "search path":
        (theirs / "main.yaml").write_text(f"{text}defaults: [_self_]\n")
        arguments = ["-cp", str(theirs), "-cn", "main"]
    else:
        (theirs / "experiment" / "more.yaml").write_bytes(text.encode(ENCODINGS.get(name, "utf-8")))
        arguments = ["-cd", str(theirs), "experiment=more"]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    code, line = refused(folder, capfd, *arguments)
    assert code in (64, 77), line
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10, "KiB"
