"""The command line's corners: refusals, interruptions, pipes, sweeps, help and completion."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest
from hydra.types import RunMode
from omegaconf import OmegaConf

from genolong import cli
from genolong.commands.pages.left_page import leave_report
from genolong.commands.training.train_variants import train_variants
from genolong.endings import explain, told_of
from genolong.errors import InputError, NumericalError, OutputError
from genolong.parallel.place import Place
from genolong.parallel.stopped import Stopped
from tests.builders.genomes import random_letters
from tests.builders.variant_training import make_home
from tests.builders.variant_training import settings as head_settings

TINY = [
    "model.width=6", "model.layers=1", "model.heads=3", "model.segment=7", "context.window_bp=29",
    "trainer.max_steps=2", "data.workers=0", "data.validation_windows=2", "logger.tensorboard=false",
]  # fmt: skip


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    """Types a command in an empty folder; gives its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["genolong"])

    def type_(*arguments: str) -> tuple[object, str, str]:
        with pytest.raises(SystemExit) as left:
            cli.main(arguments)
        out, err = capfd.readouterr()
        return left.value.code, out, err

    return type_


@pytest.fixture
def fasta(tmp_path: Path) -> str:
    (tmp_path / "g.fa").write_text(f">one\n{random_letters(811, seed=1)}\n")
    return f"data.fasta={tmp_path / 'g.fa'}"


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["train", "--nonsense"], 64, "--nonsense: no such option; settings are given as name=value"),
        (["train", "--experimental-rerun", "x.pickle"], 77, "--experimental-rerun: would run whatever that file holds"),
        (["train", "+model._target_=os.system"], 77, "model._target_=os.system: settings may not name code"),
        (["train", "run.name=${oc.env:HOME}"], 77, "run.name: ${oc.env:...} is not looked up"),
        (["train", "-cd", "/does/not/exist"], 64, "Additional config directory '/does/not/exist' not found"),
        (["train", "modle=tiny"], 64, "modle: no such setting; did you mean model?"),
        (
            ["train", "--help", "model=huge"],
            64,
            "model=huge: no such choice; the choices are base, large, mini, small, tiny",
        ),
        (["train", "trainer.max_step=3"], 64, "trainer.max_step: no such setting; did you mean trainer.max_steps?"),
        (
            ["train", "model=smal"],
            64,
            "model=smal: no such choice; the choices are base, large, mini, small, tiny; did you mean s",
        ),
        (
            ["train", "task=variant_efect"],
            64,
            "task=variant_efect: no such choice; the choices are masked_bases, variant_effect; did you mean variant",
        ),
        (["train", "fasta=x.fa"], 64, "fasta: no such setting; did you mean data.fasta?"),
        (
            ["train", "--multirun", "--cfg", "job"],
            64,
            "--cfg and --info are about one run, and -m starts several; leave",
        ),
        (["train", "--multirun", "--info", "config"], 64, "--cfg and --info are about one run, and -m starts several;"),
        (["train", "run.name=2024"], 64, "run.name=2024: is read as a number; put it in quotes: 'run.name=\"2024\"'"),
        (["train", "run.name=true"], 64, "run.name=true: is read as true or false; put it in quotes: 'run.name=\"tr"),
        (["train", "experiment=yest"], 64, "experiment=yest: no such choice; the choices are celegans_"),
        (["train", "+experiment=yeast"], 64, "experiment: choose it as experiment=NAME, without a +"),
        (
            ["train", "experiment=brca1_supervised", "data.fasta=x.fa"],
            66,
            "init_from=runs/hg38_131k/latest: no such run; the recipe of that name trains it first (python -m genolong "
            "train experiment=hg38_131k)",
        ),
        (
            ["plan", "experiment=brca1_supervised"],
            64,
            "experiment=brca1_supervised: is a recipe for task=variant_effect",
        ),
        (["train", "+data.x=1"], 64, "data.x: no such setting"),
        (["evaluate"], 64, "model: wanted a run's folder, like runs/quickstart/latest; or a VCF with scores"),
        (["train", f"+{'context' * 99}=1k"], 64, "a settings group has a name longer than a file name may be"),
        (["embed", "model=x"], 64, "output: is missing; add output=... (--help says what it is)"),
        (["map", "model=x"], 64, "output: is missing; add output=... (--help says what it is)"),
        (["map", "model=x", "region=chr1:1,001-2,000"], 64, "output: is missing; add output=... (--help says what"),
        (["map", "model=x", "output=y"], 64, "region: wanted either a region (region=chr1:1-1,000) or a BED file"),
        (["export", "output=x"], 64, "run: is missing; add run=... (--help says what it is)"),
        (["export", "run=nothing", "output=x"], 66, "run=nothing: no such run; name a run's folder, like runs/quick"),
        (["reproduce"], 64, "run: is missing; add run=... (--help says what it is)"),
        (["reproduce", "run=nothing"], 66, "nothing.record.json: no such record; name a run's folder, or a file"),
        (["report"], 64, "run: is missing; add run=... (--help says what it is)"),
        (["report", "run=nothing"], 66, "nothing.record.json: no such record; name a run's folder, or a file"),
        (["report", "run=a", "output=a.json"], 64, "output=a.json: wanted the name of a page, which ends in .html"),
        (
            ["train", "--cfg", "nope"],
            64,
            "--cfg/-c: invalid choice: 'nope' (choose from ",
        ),
        (["train", "--cfg"], 64, "--cfg/-c: expected one argument; --help shows how commands are typed"),
        (["train", "-sc", "bash"], 64, "--shell-completion: wanted install=bash, install=fish or install=zsh, or"),
        (["-sc", "install=dash"], 64, "--shell-completion: wanted install=bash, install=fish or install=zsh, or"),
        (["-sc"], 64, "--shell-completion: wanted install=bash, install=fish or install=zsh, or uninstall="),
        (["train", "-cp", "nowhere", "-cn", "config"], 64, "Primary config directory not found"),
    ],
)
def test_a_refusal_is_one_line_and_leaves_no_folder(typed, arguments, code, line, tmp_path):
    found, out, err = typed(*arguments)
    assert (found, out) == (code, "")
    (told,) = err.splitlines()
    assert told.startswith(f"genolong: error: {line}")
    assert not list(tmp_path.rglob(".hydra"))


@pytest.mark.parametrize(
    "arguments", [["train", "--help", "all", "model=base"], ["train", "model=base", "--help", "all"]]
)
def test_every_setting_is_shown_wherever_it_is_asked_for(typed, arguments):
    code, out, err = typed(*arguments)
    assert (code, err) == (0, "") and "model.mlp_ratio=" in out and "model=base" in out


def test_settings_may_stand_on_both_sides_of_an_option(typed):
    code, out, err = typed("train", "model=tiny", "--cfg", "job", "seed=7")
    assert (code, err) == (0, "") and "seed: 7\n" in out and "width: 64" in out


def test_a_refused_command_leaves_the_settings_of_the_run_that_is_there(typed, fasta, tmp_path):
    into = f"hydra.run.dir={tmp_path / 'here'}"
    assert typed("train", fasta, into, *TINY)[0] == 0
    kept = {path: path.read_bytes() for path in (tmp_path / "here" / ".hydra").iterdir()}
    assert len(kept) == 3
    code, _, err = typed("train", fasta, into, "seed=77", *TINY)
    assert code == 64 and "seed=77" in err
    assert {path: path.read_bytes() for path in (tmp_path / "here" / ".hydra").iterdir()} == kept


def test_folders_of_a_sweep_are_those_that_were_typed(typed, fasta, tmp_path):
    places = f"hydra.sweep.dir={tmp_path / 'sweep'}", "hydra.sweep.subdir=${hydra.job.num}"
    assert typed("train", "-m", "seed=1,2", fasta, *places, *TINY)[0] == 0
    assert {"0", "1"} <= {path.name for path in (tmp_path / "sweep").iterdir()}
    assert (tmp_path / "sweep" / "1" / "record.json").is_file()


def test_a_sweep_whose_folders_are_named_goes_on_where_it_was_stopped(typed, fasta, tmp_path):
    named = "hydra.sweep.dir=sweep", "hydra.sweep.subdir=s${seed}"
    assert typed("train", "-m", "seed=1", fasta, *named, *TINY)[0] == 0
    kept = {path: path.read_bytes() for path in (tmp_path / "sweep/s1").rglob("*") if path.is_file()}
    code, out, err = typed("train", "-m", "seed=1,2", fasta, *named, *TINY)
    assert code == 0 and "seed=1" in out and "seed=2" in out, "the runs of both commands are compared"
    assert "s1: already holds this run, finished at step 2; a larger trainer.max_steps= continues it" in err
    assert err.count("next: python -m genolong evaluate") == 1
    assert json.loads((tmp_path / "sweep/s2/record.json").read_text())["settings"]["seed"] == 2
    code, _, err = typed("train", "-m", "seed=1,2", "optimizer.weight_decay=0.5", fasta, *named, *TINY)
    assert code == 64 and "optimizer.weight_decay=0.5: the run in" in err
    assert {path: path.read_bytes() for path in (tmp_path / "sweep/s1").rglob("*") if path.is_file()} == kept


def test_a_training_that_has_finished_is_no_failure(typed, fasta, tmp_path):
    asked = "train", fasta, f"hydra.run.dir={tmp_path / 'here'}", *TINY
    assert typed(*asked)[0] == 0
    code, out, err = typed(*asked)
    assert (code, out) == (0, "")
    assert err.splitlines()[-1].startswith(f"{tmp_path / 'here'}: already holds this run, finished at step 2; ")


def test_one_output_for_all_runs_of_a_sweep_is_refused(typed):
    code, _, err = typed("embed", "-m", "model=none", "layer=0,1", "output=a.parquet", "regions=x.bed")
    assert code == 64
    assert err.startswith("genolong: error: output=a.parquet: every run of a sweep (-m) would write there; give each ")


@pytest.mark.parametrize("how", ["-m", "--multirun", "hydra.mode=MULTIRUN"])
def test_one_folder_for_all_runs_of_a_sweep_is_refused(typed, fasta, tmp_path, how):
    code, _, err = typed("train", how, "seed=1,2", fasta, f"hydra.run.dir={tmp_path / 'here'}", *TINY)
    assert code == 64
    assert f"hydra.run.dir={tmp_path / 'here'}: a sweep (-m) has a folder for each run; choose where they go" in err
    assert not (tmp_path / "here").exists() and not (tmp_path / "runs").exists()


def test_the_version_is_told(typed):
    assert typed("--version") == (0, f"genolong {version('genolong')}\n", "")


@pytest.mark.parametrize(
    ("command", "step", "line"),
    [
        ("train", 7, "stopped by SIGTERM after step 7; run the same command with hydra.run.dir=runs/x to continue"),
        (
            "train",
            0,
            "stopped by SIGTERM before its first step; run the same command with hydra.run.dir=runs/x to start over",
        ),
        (
            "train_variants",
            None,
            "stopped by SIGTERM outside of its steps; run the same command with hydra.run.dir=runs/x to c",
        ),
        ("reproduce", 7, "stopped by SIGTERM; run the same command again to start over"),
        ("predict", None, "stopped by SIGTERM; run the same command again to continue"),
    ],
)
def test_what_a_signal_stopped_is_told_with_what_to_type(command, step, line):
    assert told_of(Stopped(signal.SIGTERM, step), "runs/x", command).startswith(line)
    if command == "train" and step:
        swept = told_of(Stopped(signal.SIGTERM, step), "runs/x", command, swept=True)
        assert swept.endswith(
            "run the same command without -m, with this run's values and hydra.run.dir=runs/x, to continue"
        )
        assert told_of(Stopped(signal.SIGTERM, step), None, "predict", piped=True).endswith("again to start over")
        spaced = told_of(Stopped(signal.SIGTERM, step), "runs/it's mine", command)
        assert shlex.split(spaced.partition(" with ")[2])[0] == r"hydra.run.dir='runs/it\'s mine'"
        named = told_of(Stopped(signal.SIGTERM, step), None, command, swept=True)
        assert named == "stopped by SIGTERM after step 7; run the same command again to continue"


def test_a_command_that_does_not_exist_is_named_with_the_nearest(typed):
    code, out, err = typed("trian")
    assert (code, out) == (64, "")
    assert err.startswith("genolong: error: trian: no such command; did you mean train?\nusage: ")


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("x.fa, line 3: no"), 65, "x.fa, line 3: no"),
        (NumericalError("step 3"), 70, "step 3"),
        (OutputError("x"), 73, "x"),
        (PermissionError(13, "Permission denied", "/x"), 73, "/x: Permission denied"),
        (OSError(30, "Read-only file system", "/x"), 73, "/x: Read-only file system; name another place to write to"),
        (OSError(28, "No space left on device"), 74, "the disk: No space left on device"),
        (
            ConnectionResetError(104, "Connection reset by peer"),
            75,
            "lost the connection to another process (Connection reset by peer); run the same command again",
        ),
        (OSError(5, "Input/output error", "/x"), 74, "/x: Input/output error"),
        (
            UnicodeEncodeError("utf-8", "m\udcc3\udcbc", 1, 3, "surrogates not allowed"),
            73,
            r"'m\udcc3\udcbc': letters that this terminal's language settings do not have; set PYTHONUTF8=1",
        ),
        (
            ZeroDivisionError("by zero"),
            70,
            "ZeroDivisionError: by zero (a bug in genolong; debug=true shows where)",
        ),
    ],
)
def test_every_kind_of_error_has_its_exit_code(error, code, line):
    assert explain(error, "train") == (line, code)


def test_debug_shows_where_a_mistake_was_noticed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["genolong"])
    with pytest.raises(InputError, match=r"nothing.fa"):
        cli.main(["train", "data.fasta=nothing.fa", "debug=true"])


def test_a_sweep_leaves_one_run_a_value_and_latest_is_the_last(typed, fasta, tmp_path):
    code, out, err = typed("train", "-m", "seed=1,2", fasta, "run.name=s", *TINY)
    assert code == 0
    first, second = sorted(path.parent for path in (tmp_path / "runs" / "s").glob("2*/record.json"))
    assert (tmp_path / "runs" / "s" / "latest").resolve() == second.resolve() != first.resolve()
    for number, run in enumerate((first, second), 1):
        (line,) = (line for line in err.splitlines() if line.startswith(f"run {number} of this sweep: "))
        assert f" seed={number} " in line and f" run.name=s {TINY[0]} " in line
        assert f"next: python -m genolong evaluate model={run.relative_to(tmp_path)}\n" in err
    rows = [line.split("│")[1:3] for line in out.splitlines() if "seed=" in line]
    losses = {json.loads((run / "record.json").read_text())["metrics"]["validation/loss"]: f"seed={number}"
              for number, run in enumerate((first, second), 1)}  # fmt: skip
    assert [[cell.strip() for cell in row] for row in rows] == [[losses[loss], "2"] for loss in sorted(losses)]
    assert out.startswith("the runs of this sweep, the best first")
    assert err.endswith("wrote runs/s/report.html; open it in a browser\n")
    assert "2 trainings in " in (tmp_path / "runs/s/report.html").read_text()


def test_runs_of_a_sweep_go_on_after_one_that_failed(typed, fasta, tmp_path):
    code, out, err = typed("train", "-m", "seed=1,-1,2", "init_from=null,nothing", fasta, "run.name=s", *TINY)
    assert code == 66, "that of the first failure"
    assert sorted(row.split("│")[1].strip() for row in out.splitlines() if "seed=" in row) == ["seed=1", "seed=2"]
    assert len(list((tmp_path / "runs" / "s").glob("2*"))) == 2, "failed runs leave no folder"
    *lines, summary, second, third, fourth, sixth = err.splitlines()
    assert summary == "4 runs of this sweep failed:"
    for number, told in zip((2, 3, 4, 6), (second, third, fourth, sixth), strict=True):
        assert told.startswith(f"run {number}: seed=")
        after = lines[lines.index(told.replace(":", " of this sweep:", 1)) + 1]
        assert after.startswith("genolong: error: " + ("seed=-1: wanted" if number in (3, 4) else "init_from=nothing:"))


def test_a_run_after_one_that_diverged_is_as_if_it_were_alone(typed, fasta, tmp_path):
    wild = "optimizer.warmup_steps=0", "optimizer.clip=1e6", fasta, *TINY, "trainer.max_steps=9"
    code, _, err = typed(
        "train", "-m", "optimizer.learning_rate=1e8,0.001", "hydra.sweep.dir=s", "hydra.sweep.subdir=${hydra.job.num}",
        *wild,
    )  # fmt: skip
    assert code == 70 and "not finite numbers; nothing was updated" in err
    assert typed("train", "optimizer.learning_rate=0.001", "hydra.run.dir=alone", *wild)[0] == 0
    first, second, alone = (
        json.loads((tmp_path / each / "record.json").read_text()) for each in ("s/0", "s/1", "alone")
    )
    assert (first["status"], second["status"]) == ("stopped: NumericalError", "finished")
    assert second["weights_sha256"] == alone["weights_sha256"]


def test_a_sweep_of_several_processes_ends_with_its_first_failure(typed, fasta, tmp_path, monkeypatch):
    """They would not agree on which run comes next, if only one of them had failed."""
    monkeypatch.setattr(Place, "joined", Place.alone)
    code, out, err = typed("train", "-m", "seed=-1,2", fasta, "run.name=s", *TINY)
    assert (code, out) == (64, "")
    begun, error, summary, told = err.splitlines()
    assert begun.startswith("run 1 of this sweep: seed=-1 ")
    assert error.startswith("genolong: error: seed=-1: wanted")
    assert summary == "1 run of this sweep failed:"
    assert told.startswith("run 1: seed=-1 ")


def test_the_settings_of_a_run_are_told_as_they_were_typed(typed):
    _, _, err = typed("embed", "-m", "model=none", "output=a_${layer}.parquet", "regions=x.bed", "layer=0,1")
    told = [line for line in err.splitlines() if line.startswith("run ")]
    assert told[0] == "run 1 of this sweep: model=none output=a_${layer}.parquet regions=x.bed layer=0"
    assert told[-1] == "run 2: model=none output=a_${layer}.parquet regions=x.bed layer=1"


def test_runs_of_a_sweep_in_distant_places_are_only_told(typed, fasta, tmp_path):
    code, out, err = typed("train", "-m", "run.folder=a/far,b/off", fasta, *TINY)
    assert code == 0 and "run.folder=a/far" in out and "run.folder=b/off" in out
    assert err.count("report.html") == 2 and not (tmp_path / "report.html").exists()
    code, out, err = typed("train", "-m", "run.name=a,b", fasta, *TINY)
    assert "run.name=a" in out and "wrote runs/report.html" in err


def test_one_run_is_no_sweep_to_compare(typed, fasta, tmp_path):
    code, out, err = typed("train", "-m", "seed=1", fasta, "run.name=s", *TINY)
    assert (code, out) == (0, "") and "run 1 of this sweep" in err
    assert not (tmp_path / "runs/s/report.html").exists()


def test_a_run_is_told_by_the_link_to_the_newest_or_by_its_own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = Path("runs") / "a name"
    for name in ("first", "second"):
        (runs / name).mkdir(parents=True)
    (runs / "latest").symlink_to("second")
    job = SimpleNamespace(mode=RunMode.RUN)
    monkeypatch.setattr(cli, "HydraConfig", SimpleNamespace(get=lambda: job))
    assert cli._as_model(tmp_path / runs / "second", runs) == "\"model='runs/a name/latest'\""
    assert cli._as_model(tmp_path / runs / "first", runs) == "\"model='runs/a name/first'\""
    job.mode = RunMode.MULTIRUN
    assert cli._as_model(tmp_path / runs / "second", runs) == "\"model='runs/a name/second'\""


def test_the_evaluation_of_a_heads_encoder_has_a_page_of_its_own(typed, tmp_path):
    home = make_home(tmp_path)
    train_variants(head_settings(home, "trainer.max_steps=2", "trainer.validate_every=2"), home / "head")
    code, _, err = typed("evaluate", f"model={home / 'head'}", "contexts=false")
    assert code == 0 and "wrote head/evaluation.report.html" in err, err
    figures = {each["name"]: each for each in json.loads((home / "head" / "evaluation.json").read_text())}
    page = (home / "head" / "evaluation.report.html").read_text()
    assert f"{figures['model/bits']['value']:.3f}" in page


def test_a_run_is_made_again_and_judged_on_stdout(typed, fasta, tmp_path):
    assert typed("train", fasta, "hydra.run.dir=a", *TINY)[0] == 0
    code, out, err = typed("reproduce", "run=a")
    assert (code, out[:46]) == (0, "the weights are the same to the last bit (sha2")
    folder = err.splitlines()[-1].removeprefix("the result is in ")
    assert (tmp_path / folder / "reproduction.json").exists() and "runs/reproduced/20" in folder
    record = json.loads((tmp_path / "a" / "record.json").read_text())
    record["settings"]["seed"] = 9
    (tmp_path / "a" / "record.json").write_text(json.dumps(record))
    code, out, err = typed("reproduce", "run=a")
    assert (code, out) == (70, "")
    assert err.splitlines()[-1].startswith(
        "genolong: error: not the same: the weights have a different sha256; in metrics"
    )


def test_a_record_that_lacks_a_setting_is_made_again_while_hydra_runs(typed, fasta, tmp_path):
    assert typed("train", fasta, "hydra.run.dir=a", *TINY)[0] == 0
    record = json.loads((tmp_path / "a" / "record.json").read_text())
    del record["settings"]["trainer"]["check_memory"]
    (tmp_path / "a" / "record.json").write_text(json.dumps(record))
    code, out, err = typed("reproduce", "run=a")
    assert (code, out[:46]) == (0, "the weights are the same to the last bit (sha2")
    assert "trainer.check_memory=True: not in the record, so the default is used" in err


def test_a_training_and_an_evaluation_leave_a_page_and_it_can_be_made_again(typed, fasta, tmp_path):
    code, out, err = typed("train", fasta, "hydra.run.dir=a", *TINY)
    assert (code, out) == (0, "")
    page = tmp_path / "a" / "report.html"
    *_, told, last = err.splitlines()
    assert told == "wrote a/report.html; open it in a browser" and last.startswith("the run is in ")
    assert "not been evaluated yet" in page.read_text()
    code, _, err = typed("evaluate", "model=a", "device=cpu")
    assert code == 0 and err.splitlines()[-1] == "wrote a/report.html; open it in a browser"
    assert "Bits a base on held-out bases" in page.read_text()
    content = page.read_bytes()
    assert typed("report", "run=a", "output=again.html") == (0, "", "wrote again.html\n")
    assert (tmp_path / "again.html").read_bytes() == content
    for other in ("e/evaluation", "a/other"):
        code, _, err = typed("evaluate", "model=a", "device=cpu", f"output={other}.json")
        assert code == 0 and err.splitlines()[-1] == f"wrote {other}.report.html; open it in a browser"
    assert page.read_bytes() == content


def test_of_several_processes_the_first_leaves_the_page(monkeypatch, tmp_path):
    written = []
    monkeypatch.setattr("genolong.commands.pages.report.report", lambda settings: written.append(settings) or tmp_path)
    for place in (None, Place(0, 2, 0, 2, ""), Place(1, 2, 1, 2, "")):
        monkeypatch.setattr(Place, "joined", classmethod(lambda _, place=place: place))
        leave_report(tmp_path)
    assert len(written) == 2


@pytest.mark.parametrize("error", [ValueError("no pen\nno paper"), InputError("no ink"), ModuleNotFoundError("m")])
def test_a_page_that_cannot_be_drawn_fails_no_training(typed, fasta, tmp_path, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr("genolong.commands.pages.report.report", fail)
    code, out, err = typed("train", fasta, "hydra.run.dir=a", *TINY)
    assert (code, out) == (0, "")
    assert err.splitlines()[-2] == f"no report was written ({' '.join(str(error).split())})"
    assert json.loads((tmp_path / "a" / "record.json").read_text())["status"] == "finished"


def test_the_settings_that_hydra_kept_of_a_run_make_another(typed, fasta, tmp_path):
    assert typed("train", fasta, "hydra.run.dir=a", *TINY)[0] == 0
    code, out, err = typed("train", "-cp", "a/.hydra", "-cn", "config", "seed=2")
    assert (code, out) == (0, "") and "INFO" not in err
    (run,) = (tmp_path / "runs" / "train").glob("2*")
    first, second = (json.loads((folder / "record.json").read_text()) for folder in (tmp_path / "a", run))
    assert second["settings"] == {**first["settings"], "seed": 2}
    assert not (tmp_path / "outputs").exists()
    assert typed("train", "-cp", "a/.hydra", "-cn", "config", "-m", "seed=3,4")[0] == 0
    assert len([*(tmp_path / "runs" / "train").glob("2*")]) == 3


@pytest.mark.parametrize(
    ("arguments", "word"), [(["model=small", "--cfg", "job"], "width: 256"), (["--info", "defaults"], "masked_bases")]
)
def test_what_hydra_prints_is_about_our_settings(arguments, word):
    command = [sys.executable, "-m", "genolong", "train", *arguments]  # apart: Hydra leaves loggers behind
    assert word in subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("arguments", [["--version"], ["-V"], ["train", "--version"], ["plan", "model=x", "--version"]])
def test_the_version_is_genolongs(typed, arguments):
    assert typed(*arguments) == (0, f"genolong {version('genolong')}\n", "")


def completed(line: str) -> list[str]:
    words = subprocess.run(
        [sys.executable, "-m", "genolong", "-sc", "query=bash"], capture_output=True, text=True, check=True,
        env=os.environ | {"COMP_LINE": line, "COMP_POINT": str(len(line))},
    )  # fmt: skip
    return words.stdout.split()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("genolong ", ["train", "evaluate", "predict", "embed", "map", "export", "reproduce", "report", "plan"]),
        ("genolong ev", ["evaluate"]),
        ("genolong train task=variant_effect enc", ["encoder=", "encoder_rate="]),
        ("genolong train trainer.max", ["trainer.max_steps=", "trainer.max_time="]),
        ("genolong train model=", [f"model={name}" for name in ("base", "large", "mini", "small", "tiny")]),
        ("genolong evaluate wind", ["windows="]),
        ("genolong embed reg", ["regions=", "regions_at_once="]),
        ("genolong export out", ["output="]),
        ("genolong map reg", ["region=", "regions="]),
        ("/home/maps/train/.venv/bin/genolong train model=t", ["model=tiny"]),
    ],
)
def test_tab_completes_commands_settings_and_choices(line, words):
    assert completed(line) == words


@pytest.mark.parametrize(("option", "code"), [("--help", 141), ("--cfg=job", 141), ("--info=all", 0)])  # 0: Hydra's log
def test_whoever_has_read_enough_of_stdout_gets_no_complaint(option: str, code: int):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "genolong", "train", option], stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (code, "")


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["plan", "model=tiny", "context=1k", "device=h100"]])
def test_a_reader_that_has_left_before_all_is_said_is_no_mistake(words: list[str]):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-m", "genolong", *words], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_streams_that_were_closed_get_nothing_and_mix_nothing(closed: str, tmp_path: Path):
    words = f"plan model=tiny context=1k device=h100 json={tmp_path / 'x.json'}"
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m genolong {words} {closed}"], capture_output=True, text=True
    )
    assert done.returncode == 0 and (tmp_path / "x.json").stat().st_size
    assert bool(done.stdout) == ("1" not in closed) and bool(done.stderr) == ("2" not in closed)
    assert "wrote" not in done.stdout


def test_a_task_that_plan_does_not_count_is_not_offered(typed):
    assert typed("plan", "task=variant_effect")[2] == (
        "genolong: error: task=variant_effect: is a task for train; plan knows only masked_bases\n"
    )
    assert "the choices are masked_bases\n" in typed("plan", "task=variant")[2]


def test_ctrl_c_waits_while_a_command_is_imported(monkeypatch):
    seen: list[str] = []

    def imported(name: str) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        seen.append(name)

    monkeypatch.setattr(cli, "import_uncollected", imported)
    with background_ignores_no_interrupt(), pytest.raises(KeyboardInterrupt):
        cli._one_line(lambda _: pytest.fail("it began"), "training.train", dict)(OmegaConf.create({}))
    assert seen == ["genolong.commands.training.train"]


def test_a_job_in_another_process_hands_back_what_it_raised(monkeypatch, tmp_path, capsys):
    (tmp_path / ".hydra").mkdir()
    job = SimpleNamespace(
        output_subdir=".hydra", runtime=SimpleNamespace(output_dir=str(tmp_path)), mode=RunMode.MULTIRUN,
        job=SimpleNamespace(num=2), overrides=SimpleNamespace(task=["seed=3", "model=mini"]),
    )  # fmt: skip
    monkeypatch.setattr(cli.HydraConfig, "get", lambda: job)
    monkeypatch.setattr(cli.tell, "handlers", [])  # no command line was read there

    def fail(settings: dict) -> None:
        cli.tell.info("heard")
        raise InputError("mine")

    with pytest.raises(InputError, match="mine"):
        cli._one_line(fail, "variants.predict", dict)(OmegaConf.create({}))
    assert cli.tell.handlers and not tmp_path.exists()
    assert capsys.readouterr().err == "run 3 of this sweep: seed=3 model=mini\nheard\n"


@contextmanager
def background_ignores_no_interrupt() -> Iterator[None]:
    """A shell starts background work with Ctrl-C ignored, which is inherited; in here, it is not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.nightly)]
)
def test_an_interrupted_training_ends_with_its_code_and_without_a_trace(tmp_path, fasta, sent, code):
    command = [sys.executable, "-m", "genolong", "train", fasta, *TINY, "trainer.max_steps=1000000", "data.workers=1"]
    with (
        background_ignores_no_interrupt(),
        subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True) as child,
    ):
        try:
            until = time.monotonic() + 60
            while not list(tmp_path.glob("runs/train/*/metrics.csv")):
                assert child.poll() is None and time.monotonic() < until
                time.sleep(0.1)
            os.killpg(child.pid, sent)  # as a terminal does: to the workers, too
            _, err = child.communicate(timeout=60)
        finally:
            child.kill()
    assert child.returncode == code, err
    assert "Traceback" not in err
