"""A checkpoint comes back as it was written, or is refused in one line; nothing in it runs."""

import io
import json
import os
import pickle
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genolong.endings import explain
from genolong.errors import InputError, MissingInputError, UnsafeInputError
from genolong.runs import sealed_zip
from genolong.runs.checkpoint import check_fits, load_weights, weights_sha256
from genolong.runs.checkpoint_io import RunCheckpointIO
from genolong.runs.sealed_zip import write_zip

ABOUT = {"settings": {"seed": 7, "model": {"width": 12, "segments": None}}, "inputs_sha256": {"genome.fa": "abc"}}


def state() -> dict[str, torch.Tensor]:
    chance = torch.Generator().manual_seed(5)
    return {
        "layer.weight": torch.randn(7, 11, generator=chance),
        "layer.turned": torch.randn(5, 3, generator=chance).T,
        "count": torch.tensor(13),
        "half": torch.randn(2, generator=chance).bfloat16(),
        "none": torch.zeros(0, 3),
    }


def training() -> dict:
    return {
        "global_step": 17, "epoch": 0, "optimizer_states": [{"step": torch.tensor(17.0)}], "loops": {"a": [1, 2]},
        "callbacks": {}, "lr_schedulers": [], "pytorch-lightning_version": "2.6.6",
    }  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoints" / "last.ckpt"
    RunCheckpointIO(ABOUT).save_checkpoint({**training(), "state_dict": state()}, path)
    return path


def packed(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def rewritten(path: Path, *, format: int = 1, honest: bool = True, **parts: bytes | None) -> Path:
    """The checkpoint with some parts put in place of others (None: left out), hashes as they should be if `honest`."""
    with zipfile.ZipFile(path) as archive:
        found = {name: archive.read(name) for name in archive.namelist() if name != "manifest.json"}
    found |= {name.replace("_", "."): part for name, part in parts.items()}
    kept = {name: part for name, part in found.items() if part is not None}
    hashes = {name: sha256(part if honest else b"").hexdigest() for name, part in kept.items()}
    manifest = json.dumps({"format": format, "step": 17, "sha256": hashes}).encode()
    write_zip(path, {"manifest.json": manifest, **kept})
    return path


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple:
        return os.system, (f"touch {self.mark}",)


def test_weights_and_settings_come_back(path):
    about, weights = load_weights(path)
    assert about == ABOUT
    assert list(weights) == list(state())
    for name, tensor in state().items():
        assert weights[name].dtype == tensor.dtype
        torch.testing.assert_close(weights[name], tensor, rtol=0, atol=0)
    assert weights_sha256(weights) == weights_sha256(state())


def test_lightning_gets_back_what_it_gave(path):
    found = RunCheckpointIO({}).load_checkpoint(path)
    assert list(found) == [*training(), "state_dict"]
    assert found["loops"] == training()["loops"]
    assert found["global_step"] == 17
    torch.testing.assert_close(found["optimizer_states"][0]["step"], torch.tensor(17.0))


def test_the_manifest_says_what_is_in_it(path):
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert (manifest["format"], manifest["step"]) == (1, 17)
        assert {name: sha256(archive.read(name)).hexdigest() for name in manifest["sha256"]} == manifest["sha256"]
        assert set(manifest["sha256"]) == {"settings.json", "weights.pt", "training.pt"}


def test_a_hash_knows_names_types_shapes_and_every_value():
    known = weights_sha256(state())
    assert weights_sha256(dict(reversed(state().items()))) == known
    assert weights_sha256({name: tensor.contiguous() for name, tensor in state().items()}) == known
    weight = state()["layer.weight"]
    other = weight.clone()
    other[6, 10] = torch.nextafter(other[6, 10], torch.tensor(9.0))
    changed = [{"layer.weight": other}, {"layer.weight": weight.view(11, 7)}, {"count": torch.tensor(13.0)}]
    renamed = {name.replace("half", "halves"): tensor for name, tensor in state().items()}
    assert len({known, weights_sha256(renamed), *(weights_sha256(state() | change) for change in changed)}) == 5


def test_a_removed_checkpoint_is_gone(path):
    RunCheckpointIO(ABOUT).remove_checkpoint(path)
    RunCheckpointIO(ABOUT).remove_checkpoint(path)
    assert not path.exists()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_a_file_that_is_cut_off_is_refused(path, data):
    whole = path.read_bytes()
    cut = path.parent / "cut.ckpt"
    cut.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(InputError, match=r"cut.ckpt: ") as caught:
        load_weights(cut)
    assert len(str(caught.value).splitlines()) == 1
    assert type(caught.value) is InputError


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(data=st.data())
def test_a_flipped_bit_is_refused_or_does_not_matter(path, data):
    whole = bytearray(path.read_bytes())
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    whole[bit // 8] ^= 1 << bit % 8
    flipped = path.parent / "flipped.ckpt"
    flipped.write_bytes(whole)
    refusal = None
    try:
        about, weights = load_weights(flipped)
    except InputError as error:
        refusal = str(error)
    if refusal is None:  # the time in a header, or a part that is not read
        assert about == ABOUT
        assert weights_sha256(weights) == weights_sha256(state())
    else:
        assert refusal.startswith(f"{flipped}: ")
        assert len(refusal.splitlines()) == 1


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"weights_pt": None}, r"not a genolong checkpoint \(.*'weights.pt'"),
        ({"weights_pt": b"hello"}, r"not a genolong checkpoint"),
        ({"weights_pt": b""}, r"not a genolong checkpoint"),
        ({"weights_pt": packed([1, 2])}, r"weights.pt holds something other than named tensors"),
        ({"weights_pt": packed({"a": 3})}, r"weights.pt holds something other than named tensors"),
        ({"settings_json": b"{"}, r"settings.json is not JSON"),
        ({"settings_json": b"\xff"}, r"settings.json is not JSON"),
        ({"settings_json": b"[]"}, r"settings.json holds no settings; wanted a genolong checkpoint"),
        ({"settings_json": b"{}", "honest": False}, r"settings.json is damaged .*copy it again"),
        ({"format": 2}, r"checkpoint format 2, this version reads 1; update genolong"),
        ({"format": 2, "weights_pt": None}, r"checkpoint format 2"),
    ],
)
def test_a_wrong_part_is_told(path, parts, words):
    with pytest.raises(InputError, match=words) as caught:
        load_weights(rewritten(path, **parts))
    assert str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value).splitlines()) == 1
    assert caught.value.exit_code == 65


@pytest.mark.parametrize("manifest", [b"", b"[]", b"{}", b'{"format": 1}', b'{"format": 1, "sha256": 3}', b"\xff"])
def test_a_foreign_manifest_is_told(path, manifest):
    write_zip(path, {"manifest.json": manifest, "settings.json": b"{}", "weights.pt": packed({})})
    with pytest.raises(InputError, match=r"not an? (intact )?genolong checkpoint"):
        load_weights(path)


def test_a_foreign_zip_is_told(tmp_path):
    path = tmp_path / "model.pt"
    torch.save(state(), path)
    with pytest.raises(InputError, match=r"not a genolong checkpoint \(.*'manifest.json'"):
        load_weights(path)


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", 65, "it is truncated or something else; copy it again"),
        (b"version https://git-lfs.github.com/spec/v1", 65, "it is a git-lfs pointer: run git lfs pull"),
        (b"<!DOCTYPE html>", 65, "is it HTML"),
        (pickle.dumps({"a": 1}), 77, "is a pickle, which could run code; it was not loaded"),
    ],
)
def test_what_is_no_checkpoint_at_all_is_told(tmp_path, content: bytes, code: int, words: str):
    path = tmp_path / "x.ckpt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        load_weights(path)
    assert caught.value.exit_code == code


def test_a_checkpoint_from_before_there_were_seals_opens(path):
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    assert load_weights(path)[0] == ABOUT


def test_a_seal_that_is_broken_or_cut_off_is_told(path):
    whole = path.read_bytes()
    path.write_bytes(whole[:40] + b"?" + whole[41:])
    with pytest.raises(InputError, match=r"is damaged .its sha256 is not the one it was sealed with.; copy it again"):
        load_weights(path)
    path.write_bytes(whole[:-64])
    with pytest.raises(InputError, match="it is truncated or something else"):
        load_weights(path)


def test_names_inside_cannot_break_the_line_or_speak_to_the_terminal(path):
    part = io.BytesIO()
    with zipfile.ZipFile(part, "w") as archive:
        archive.writestr("a/data.pkl", b"")
        archive.writestr("b\n\x1b[2J/data/0", b"")
    with pytest.raises(InputError, match="not a genolong checkpoint") as caught:
        load_weights(rewritten(path, weights_pt=part.getvalue()))
    assert str(caught.value).isprintable()


def test_settings_nested_beyond_reason_are_told(path):
    with pytest.raises(InputError, match=r"settings.json is not JSON"):
        load_weights(rewritten(path, settings_json=b"[" * 100_000))


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(MissingInputError, match=r"no such checkpoint") as caught:
        load_weights(tmp_path / "x.ckpt")
    assert caught.value.exit_code == 66


@pytest.mark.parametrize("how", ["torch", "pickle", "inside"])
def test_code_in_a_checkpoint_never_runs(path, tmp_path, how):
    mark = tmp_path / "ran"
    bomb = Bomb(mark)
    part = pickle.dumps(bomb) if how == "pickle" else packed(bomb if how == "torch" else {"a": [bomb]})
    with pytest.raises(InputError) as caught:
        load_weights(rewritten(path, weights_pt=part))
    with pytest.raises(InputError):
        RunCheckpointIO({}).load_checkpoint(rewritten(path, weights_pt=packed(state()), training_pt=part))
    assert not mark.exists()
    assert len(str(caught.value).splitlines()) == 1
    assert isinstance(caught.value, UnsafeInputError)
    assert caught.value.exit_code == 77


def test_parts_that_grow_when_they_are_read_are_refused(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", b"{}")
        archive.writestr("weights.pt", b"0" * 10**6)
    with pytest.raises(UnsafeInputError, match="compressed parts"):
        load_weights(path)


def test_weights_that_grow_when_they_are_read_are_refused(path):
    plain, tight = zipfile.ZipFile(io.BytesIO(packed({"a": torch.zeros(10**5)}))), io.BytesIO()
    with zipfile.ZipFile(tight, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in plain.namelist():
            archive.writestr(name, plain.read(name))
    with pytest.raises(UnsafeInputError, match=r"last.ckpt: has compressed parts"):
        load_weights(rewritten(path, weights_pt=tight.getvalue()))


def test_a_failing_write_leaves_the_old_file_and_nothing_else(path, monkeypatch):
    before = path.read_bytes()

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sealed_zip.os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        RunCheckpointIO(ABOUT).save_checkpoint({**training(), "state_dict": {}}, path)
    assert path.read_bytes() == before
    assert [found.name for found in path.parent.iterdir()] == ["last.ckpt"]


def test_a_checkpoint_can_be_read_by_whom_the_umask_allows(path):
    mask = os.umask(0)
    os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"a": torch.tensor([1.0, float("nan")])}, r"a holds numbers that are not finite; use an earlier checkpoint"),
        ({"a": torch.zeros(1).expand(10**12)}, r"a is larger than its data in the file"),
    ],
)
def test_weights_that_cannot_be_used_are_told(path, state, words):
    with pytest.raises(InputError, match=words):
        load_weights(rewritten(path, weights_pt=packed(state)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"count": torch.tensor(13.0)}, r"count is float32\[\], wanted int64\[\]"),
        ({"layer.weight": torch.zeros(11, 7)}, r"layer.weight is float32\[11, 7\], wanted float32\[7, 11\]"),
        ({"more": torch.zeros(2)}, r"more is float32\[2\], wanted missing"),
    ],
)
def test_the_first_tensor_that_is_another_is_named(path, change, words):
    check_fits(path, state(), state())
    with pytest.raises(InputError, match=words):
        check_fits(path, {**state(), **change}, state())


def test_a_full_disk_is_told_with_the_file_that_it_kept(path, monkeypatch):
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sealed_zip.os, "fsync", fail)
    with pytest.raises(OSError, match="No space left") as caught:
        RunCheckpointIO(ABOUT).save_checkpoint({**training(), "state_dict": {}}, path)
    assert explain(caught.value, "train") == (f"{path}: No space left on device", 74)


@pytest.mark.parametrize(
    "name", ["callbacks", "loops", "optimizer_states", "lr_schedulers", "pytorch-lightning_version"]
)
def test_a_checkpoint_that_no_training_could_go_on_from_is_told(path: Path, name: str):
    rest = {each: value for each, value in training().items() if each != name}
    with pytest.raises(InputError, match=f"last.ckpt: training.pt lacks {name}, so no training can resume from it"):
        RunCheckpointIO({}).load_checkpoint(rewritten(path, training_pt=packed(rest)))


@pytest.mark.parametrize("step", [None, -1, 2.0, True])
def test_a_checkpoint_that_does_not_say_its_step_is_told(path: Path, step: object):
    with pytest.raises(InputError, match=r"last.ckpt: training.pt does not say its step; wanted a genolong checkpoint"):
        RunCheckpointIO({}).load_checkpoint(rewritten(path, training_pt=packed({**training(), "global_step": step})))


def archive_of(pickled: bytes) -> bytes:
    """As torch.save writes one, with that pickle."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in (("data.pkl", pickled), ("version", b"3\n"), ("byteorder", b"little")):
            archive.writestr(f"archive/{name}", content)
    return buffer.getvalue()


OF_SIZE = b"\x80\x02}X\x01\x00\x00\x00acbuiltins\nbytearray\nJ\x00\x00\x00\x70\x85Rs."  # 1.9 GB, if it were called


@pytest.mark.parametrize(
    "part",
    [archive_of(OF_SIZE), packed({"a": torch.eye(3).to_sparse()}), packed({"a": torch.empty(1 << 40, device="meta")})],
    ids=["bytearray", "sparse", "meta"],
)
def test_names_that_plain_tensors_are_not_made_of_are_not_called(path: Path, part: bytes):
    with pytest.raises(UnsafeInputError, match="holds more than tensors and plain values"):
        load_weights(rewritten(path, weights_pt=part))


def test_an_archive_behind_something_else_is_not_read_as_torch_once_did(path: Path):
    part = b"\x8a\x01\x00." + packed(state())
    assert zipfile.is_zipfile(io.BytesIO(part))
    with pytest.raises(InputError, match=r"not a genolong checkpoint \(ValueError: not a torch archive\)"):
        load_weights(rewritten(path, weights_pt=part))
