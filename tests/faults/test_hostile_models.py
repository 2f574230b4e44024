"""A model from a stranger never runs code: every form of pickle at every place that opens a model."""

import io
import json
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch

from genolong import cli
from genolong.commands.reading.trained_run import open_run
from genolong.composing import FOLDERS, defaults_of
from genolong.errors import InputError
from genolong.runs.checkpoint_io import RunCheckpointIO
from genolong.runs.sealed_zip import write_zip
from tests.builders.genomes import random_letters, write_fasta
from tests.builders.saved_runs import SMALL, save_run
from tests.builders.vcfs import vcf_text
from tests.faults.judged import hang_is_a_failure


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple:
        return os.system, (f"touch {self.mark}",)


def packed(value: object, **how: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **how)  # type: ignore[arg-type]
    return buffer.getvalue()


def zipped(parts: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return buffer.getvalue()


def tar_of(payload: Payload) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            content = pickle.dumps(payload)
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def npz_of(payload: Payload) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, weights=np.array([payload], dtype=object))
    return buffer.getvalue()


def lightning(payload: object, **more: object) -> dict:
    return {"state_dict": {}, "hyper_parameters": {"a": payload}, "pytorch-lightning_version": "2.6.6", **more}


Whole = dict[str, bytes]
FORMS: dict[str, Callable[[Payload, Whole], bytes]] = {
    "bare pickle": lambda payload, _: pickle.dumps(payload),
    "old pickle": lambda payload, _: pickle.dumps(payload, protocol=0),
    "torch's zip": lambda payload, _: packed(payload),
    "torch's old format": lambda payload, _: packed(payload, _use_new_zipfile_serialization=False),
    "torch's tar": lambda payload, _: tar_of(payload),
    "npz": lambda payload, _: npz_of(payload),
    "Lightning's": lambda payload, _: packed(lightning(payload)),
    "Lightning's instantiator": lambda payload, _: packed(lightning("x", _instantiator="os.system")),
    "weights": lambda payload, whole: sealed(whole | {"weights.pt": packed({"a": payload})}),
    "weights in the old format": lambda payload, whole: sealed(
        whole | {"weights.pt": packed({"a": payload}, _use_new_zipfile_serialization=False)}
    ),
    "weights as a tar": lambda payload, whole: sealed(whole | {"weights.pt": tar_of(payload)}),
    "weights as a pickle": lambda payload, whole: sealed(whole | {"weights.pt": pickle.dumps(payload)}),
    "weights compressed": lambda payload, whole: sealed(
        whole | {"weights.pt": zipped({"a/data.pkl": pickle.dumps(payload)}, zipfile.ZIP_DEFLATED)}
    ),
    "settings": lambda payload, whole: sealed(whole | {"settings.json": pickle.dumps(payload)}),
    "settings that name code": lambda payload, whole: sealed(told(whole, {"_target_": "os.system"})),
    "settings that instantiate": lambda payload, whole: sealed(told(whole, {"_instantiator": "os.system"})),
    "settings that look up": lambda payload, whole: sealed(told(whole, {"data": {"cache": "${oc.env:HOME}"}})),
    "manifest": lambda payload, whole: sealed(whole, manifest=pickle.dumps(payload)),
    "answers": lambda payload, whole: sealed(whole | {"answers.pt": packed({"codes": payload})}),
}  # fmt: skip
CODES = {
    "settings that name code": 77,
    "settings that instantiate": 77,
    "settings that look up": 77,
    "bare pickle": 77,
    "torch's old format": 77,
    "answers": 77,
} | {name: 77 for name in FORMS if name.startswith("weights") and "tar" not in name}


def told(whole: Whole, more: dict) -> Whole:
    about = json.loads(whole["settings.json"])
    for name, value in more.items():
        about["settings"][name] = about["settings"].get(name, {}) | value if isinstance(value, dict) else value
    return whole | {"settings.json": json.dumps(about).encode()}


def sealed(parts: Whole, manifest: bytes | None = None) -> bytes:
    """A checkpoint as ours are, hashes and all, of any parts."""
    hashes = {name: sha256(part).hexdigest() for name, part in parts.items()}
    manifest = manifest or json.dumps({"format": 1, "step": 1, "sha256": hashes}).encode()
    path = Path(f"sealed-{os.getpid()}")
    write_zip(path, {"manifest.json": manifest, **parts})
    return path.read_bytes()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    save_run(folder / "run", write_fasta(folder, {"chr1": random_letters(150, 1)}), 16, folder / "cache")
    (folder / "in.vcf").write_bytes(vcf_text())
    settings = defaults_of(FOLDERS["evaluate"], "evaluate") | {"model": "run", "output": "evaluation.json"}
    settings.pop("hydra", None)
    record = {
        "made_by": "evaluate",
        "status": "finished",
        "settings": settings,
        "inputs_sha256": {},
        "model_sha256": "x",
    }
    (folder / "evaluation.record.json").write_text(json.dumps(record))
    return folder


@pytest.fixture
def stranger(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Writes a run of one of the forms; gives its folder. What its payload would make is tmp_path/marker."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["genolong"])
    with zipfile.ZipFile(home / "run" / "checkpoints" / "last.ckpt") as archive:
        whole = {name: archive.read(name) for name in archive.namelist() if name != "manifest.json"}

    def write(form: str) -> Path:
        content = FORMS[form](Payload(tmp_path / "marker"), whole)
        path = tmp_path / "stranger" / "checkpoints" / "last.ckpt"
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        return tmp_path / "stranger"

    return write


ENTRIES = {
    "init_from": ["train", "task=variant_effect", "init_from={run}", "data.vcf={home}/in.vcf", "data.label=CLNSIG"],
    "evaluate": ["evaluate", "model={run}"],
    "evaluate a file": ["evaluate", "model={run}/checkpoints/last.ckpt"],
    "predict": ["predict", "model={run}", "vcf={home}/in.vcf", "output=out.vcf"],
    "reproduce": ["reproduce", "run={home}/evaluation.json", "model={run}"],
}


@pytest.mark.parametrize(
    ("form", "trusting"),
    [*((form, True) for form in FORMS), *((form, False) for form in ("bare pickle", "torch's zip", "weights"))],
)
def test_code_in_a_model_never_runs(home, stranger, tmp_path, monkeypatch, capfd, form: str, trusting: bool):
    if trusting:
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    run = stranger(form)
    for entry, words in ENTRIES.items():
        with pytest.raises(SystemExit) as left, hang_is_a_failure(60):
            cli.main([word.format(run=run, home=home) for word in words])
        _, err = capfd.readouterr()
        assert not (tmp_path / "marker").exists(), entry
        assert len(err.splitlines()) == 1 and "last.ckpt: " in err, err
        assert "weights_only" not in err and "a bug in genolong" not in err
        assert left.value.code == CODES.get(form, 65), (entry, err)


@pytest.mark.parametrize("form", [name for name in FORMS if name != "answers"])  # which a training does not read
def test_code_in_what_a_training_goes_on_with_never_runs(home, stranger, tmp_path, monkeypatch, capfd, form: str):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    typed = ["train", f"data.fasta={home / 'genome.fa'}", f"data.cache={home / 'cache'}", f"resume={stranger(form)}"]
    with pytest.raises(SystemExit) as left, hang_is_a_failure(60):
        cli.main([*typed, *SMALL, "context.window_bp=16"])
    *_, last = capfd.readouterr().err.splitlines()
    assert not (tmp_path / "marker").exists()
    assert last.startswith("genolong: error: ") and "last.ckpt" in last and "a bug in genolong" not in last
    assert left.value.code in (65, 77), last


@pytest.mark.parametrize("form", [name for name in FORMS if name.startswith("weights")])
def test_code_in_what_a_resumed_training_reads_never_runs(stranger, tmp_path, form: str):
    path = stranger(form) / "checkpoints" / "last.ckpt"
    with zipfile.ZipFile(path) as archive:
        whole = {name: archive.read(name) for name in archive.namelist() if name != "manifest.json"}
    path.write_bytes(sealed(whole | {"training.pt": whole["weights.pt"], "weights.pt": packed({})}))
    with pytest.raises(InputError, match=r"last.ckpt: ") as caught:
        RunCheckpointIO({}).load_checkpoint(path)
    assert caught.value.exit_code in (65, 77)
    assert not (tmp_path / "marker").exists()


def test_an_address_is_not_opened(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["genolong"])
    with pytest.raises(SystemExit) as left:
        cli.main(["evaluate", "model=https://example.org/last.ckpt"])
    assert left.value.code == 64
    assert "models are not loaded from a web address; download it" in capfd.readouterr().err


def test_tensors_that_claim_more_than_there_is_take_no_memory(stranger, home, tmp_path):
    """A tensor of stride 0 is a few bytes in the file, whatever its shape."""
    with zipfile.ZipFile(home / "run" / "checkpoints" / "last.ckpt") as archive:
        whole = {name: archive.read(name) for name in archive.namelist() if name != "manifest.json"}
    path = tmp_path / "huge.ckpt"
    path.write_bytes(sealed(whole | {"weights.pt": packed({"a": torch.zeros(1).expand(1 << 40)})}))
    with pytest.raises(InputError, match="a is larger than its data in the file"):
        open_run(str(path))
