"""The record of a run says what made it, and is a whole file at any time."""

import json
import signal
import subprocess
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.distributed import DistBackendError

from genolong.errors import InputError, MissingInputError
from genolong.parallel.stopped import Stopped
from genolong.runs import record
from genolong.runs.record import beside, finished, maker, place_of_record, read_record, recorded, started, write_record


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of one file, that this package seems to run from."""
    (tmp_path / "genolong" / "runs").mkdir(parents=True)
    monkeypatch.setattr(record, "__file__", str(tmp_path / "genolong" / "runs" / "record.py"))
    git(tmp_path, "init", "-q")
    (tmp_path / "a.txt").write_text("one\n")
    git(tmp_path, "add", "a.txt")
    git(tmp_path, "commit", "-q", "-m", "First")
    return tmp_path


def made() -> dict:
    record._code.cache_clear()
    return started("train", {"seed": 7}, {"genome.fa": "abc"})


def test_a_record_says_what_made_the_run():
    found = made()
    assert (found["settings"], found["seed"], found["inputs_sha256"]) == ({"seed": 7}, 7, {"genome.fa": "abc"})
    assert found["status"] == "started"
    assert found["versions"]["torch"].startswith(torch.__version__.split("+")[0])
    assert found["machine"]["threads"] == torch.get_num_threads()
    assert all(found["versions"][name] for name in ("python", "genolong", "pytorch-lightning", "hydra-core", "pysam"))


def test_a_finished_record_keeps_all_and_adds_results():
    found = finished(made(), {"weights_sha256": "def"})
    assert (found["status"], found["weights_sha256"], found["seed"]) == ("finished", "def", 7)
    assert found["finished"] >= found["started"]


def test_the_commit_and_what_differs_from_it_are_kept(checkout):
    assert made()["code"] == {"commit": git(checkout, "rev-parse", "HEAD"), "diff": "", "diff_sha256": sha(b"")}
    (checkout / "a.txt").write_text("two\n")
    code = made()["code"]
    assert "-one\n+two\n" in code["diff"]
    assert code["diff_sha256"] == sha(code["diff"].encode())


def test_letters_that_are_no_utf8_do_not_stop_a_run(checkout):
    (checkout / "a.txt").write_bytes(b"caf\xe9\n")
    assert "+caf\ufffd\n" in made()["code"]["diff"]


def test_of_a_long_diff_only_the_hash_is_kept(checkout):
    (checkout / "a.txt").write_text("ACGT\n" * 300_000)
    code = made()["code"]
    assert code["diff"] is None
    assert len(code["diff_sha256"]) == 64


def test_a_wheel_has_no_code_to_tell_of(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "__file__", str(tmp_path / "genolong" / "runs" / "record.py"))
    assert made()["code"] is None


def test_a_wheel_installed_below_another_checkout_is_not_of_its_commit(checkout, monkeypatch):
    installed = checkout / "venv" / "site-packages" / "genolong" / "runs"
    installed.mkdir(parents=True)
    monkeypatch.setattr(record, "__file__", str(installed / "record.py"))
    assert made()["code"] is None


def test_a_checkout_without_a_commit_or_a_machine_without_git_is_no_mistake(tmp_path, monkeypatch, checkout):
    git(checkout, "update-ref", "-d", "HEAD")
    assert made()["code"] is None
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert made()["code"] is None


def test_a_record_is_replaced_whole(tmp_path):
    write_record(tmp_path, {"status": "started"})
    write_record(tmp_path, {"status": "finished", "name": "Ünï"})
    assert json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))["name"] == "Ünï"
    with pytest.raises(TypeError):
        write_record(tmp_path, {"status": object()})
    assert json.loads((tmp_path / "record.json").read_text())["status"] == "finished"
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RuntimeError("[../third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed"), "LostProcessError"),
        (DistBackendError("NCCL error"), "LostProcessError"),
        (RuntimeError("a mistake"), "RuntimeError"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (Stopped(signal.SIGTERM, 7), "SIGTERM"),
        (ImportError("no x", name="x"), "ImportError"),
    ],
    ids=str,
)
def test_what_ended_a_run_is_called_what_it_is(tmp_path, error: BaseException, status: str):
    with pytest.raises(type(error)), recorded(tmp_path, {"status": "started"}, SimpleNamespace(global_step=7)):
        raise error
    assert json.loads((tmp_path / "record.json").read_text()) == {"status": f"stopped: {status}", "steps": 7}


def test_a_run_its_output_and_its_record_lead_to_the_record(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "run").mkdir()
    assert place_of_record("~/run") == place_of_record("~/run/record.json") == tmp_path / "run" / "record.json"
    for name in ("x.vcf.gz", "none", "evaluation.json"):
        wanted = beside(tmp_path / name)
        assert place_of_record(f"~/{name}") == place_of_record(str(wanted)) == wanted
        assert wanted.name == f"{name.removesuffix('.json')}.record.json"


def test_a_record_of_an_earlier_version_is_of_the_training_that_its_task_tells():
    for settings, made_by in (({"task": "variant_effect"}, "train_variants"), ({"task": {}}, "train"), ({}, "train")):
        assert maker({"settings": settings}) == made_by
        assert maker({"settings": settings, "made_by": "predict"}) == "predict"


def test_a_record_of_more_bytes_than_a_run_writes_is_refused(tmp_path, monkeypatch):
    write_record(tmp_path, {"settings": {}})
    path = tmp_path / "record.json"
    monkeypatch.setattr(record, "LARGEST", path.stat().st_size)
    assert read_record(path) == {"settings": {}}
    monkeypatch.setattr(record, "LARGEST", path.stat().st_size - 1)
    with pytest.raises(InputError, match=r"record.json: holds no settings"):
        read_record(path)


def sha(content: bytes) -> str:
    return sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("score.vcf.gz", "; did you mean scores.vcf.gz?"),
        ("plain.vcf.gz", "; work on a pipe leaves none"),  # is there, but without a record
        ("score.vcf", "; work on a pipe leaves none"),
        ("hbb.gene.tsv", "; did you mean hbb.vcf.gz?"),
        ("hbb.vcf", "; did you mean hbb.vcf.gz?"),
        ("evaluatoin.json", "; did you mean evaluation.json?"),
        ("runz", "; did you mean runs?"),
        ("unheard of", ""),
    ],
)
def test_instead_of_a_place_without_a_record_one_with_a_record_is_offered(tmp_path: Path, typed: str, told: str):
    for name in ("scores.vcf.gz", "score.vcf", "plain.vcf.gz", "hbb.vcf.gz", "hbb.gene.tsv", "evaluation.json"):
        (tmp_path / name).touch()
    for name in ("scores.vcf.gz.record.json", "hbb.vcf.gz.record.json", "evaluation.record.json"):
        (tmp_path / name).touch()
    (tmp_path / "runs").mkdir()
    told = told.replace("mean ", f"mean {tmp_path}/")
    with pytest.raises(MissingInputError) as refusal:
        read_record(place_of_record(str(tmp_path / typed)))
    wanted = "no such record; name a run's folder, or a file that has one next to it"
    assert str(refusal.value) == f"{beside(tmp_path / typed)}: {wanted}{told}"


def test_of_an_exported_model_the_run_is_wanted(tmp_path: Path):
    (tmp_path / "config.json").touch()
    with pytest.raises(MissingInputError) as refusal:
        read_record(place_of_record(str(tmp_path)))
    wanted = "no such record; an exported model has none; name the run that it was exported from"
    assert str(refusal.value) == f"{tmp_path / 'record.json'}: {wanted}"
