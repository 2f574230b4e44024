"""Checkpoints that were damaged or written by somebody else: refused in one line, or the very same weights."""

import json
import random
import zipfile
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest

from genolong.commands.reading.trained_run import open_run
from genolong.runs.checkpoint import SETTINGS
from genolong.runs.sealed_zip import MANIFEST, write_zip
from tests.builders.genomes import random_letters, write_fasta
from tests.builders.saved_runs import save_run
from tests.faults.judged import times, works_or_refuses
from tests.faults.mutants import mutants


@dataclass(frozen=True)
class Saved:
    """A checkpoint, its bytes, and the hash of its weights."""

    path: Path
    content: bytes
    sha256: str


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    folder = tmp_path_factory.mktemp("run")
    run = save_run(folder / "run", write_fasta(folder, {"chr1": random_letters(150, 1)}), 16, folder / "cache")
    path = run / "checkpoints" / "last.ckpt"
    return Saved(path, path.read_bytes(), open_run(str(path)).weights_sha256)


def opened_right(saved: Saved) -> bool:
    assert open_run(str(saved.path)).weights_sha256 == saved.sha256
    return True


def tried(saved: Saved, content: bytes) -> bool:
    """Whether it opens, with the right weights; any refusal names it in one line."""
    saved.path.write_bytes(content)
    try:
        return bool(works_or_refuses(partial(opened_right, saved), str(saved.path)))
    finally:
        saved.path.write_bytes(saved.content)


def parts(content: bytes, folder: Path) -> dict[str, bytes]:
    (folder / "x").write_bytes(content)
    with zipfile.ZipFile(folder / "x") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@times(quick=150, nightly=1000)
def test_a_flipped_bit_is_refused(saved: Saved, count: int):
    for number in range(count):
        bit = random.Random(number).randrange(8 * len(saved.content))
        content = bytearray(saved.content)
        content[bit // 8] ^= 1 << bit % 8
        assert not tried(saved, bytes(content)), f"bit {bit}"


@times(quick=20, nightly=50)
def test_a_page_of_zeros_is_refused(saved: Saved, count: int):
    pages = list(range(0, len(saved.content), 512))
    for start in random.Random(7).choices(pages, k=count):
        content = saved.content[:start] + bytes(512) + saved.content[start + 512 :]
        assert not tried(saved, content[: len(saved.content)])


@times(quick=40, nightly=200)
def test_a_cut_is_refused(saved: Saved, count: int):
    for number in range(count):
        assert not tried(saved, saved.content[: random.Random(number).randrange(len(saved.content))])


@times(quick=150, nightly=2000)
def test_a_mutant_is_refused(saved: Saved, count: int):
    pieces = (
        b"PK\x03\x04",
        b"PK\x01\x02",
        b"PK\x05\x06",
        b"cos\nsystem\n(",
        b"\x80\x02",
        b"weights.pt",
        b'"format": 1',
    )
    for mutant in mutants(saved.content, pieces, count, seed=37):
        assert mutant == saved.content or not tried(saved, mutant)


PIECES = (
    b'"', b"{", b"}", b"[", b"]", b",", b"null", b"true", b"1e999", b"NaN", b"-1", b"0", b"1e9",
    b'"_target_": "os.system",', b'"${oc.env:HOME}"', b"[" * 5000, b"settings", b"\\ud800", b"width", b"99999999",
)  # fmt: skip


@times(quick=200, nightly=3000)
def test_settings_that_were_changed_along_with_their_hash_are_refused_or_are_other_settings(
    saved: Saved, tmp_path: Path, count: int
):
    """What a stranger can write: hashes that fit."""
    whole = parts(saved.content, tmp_path)
    for mutant in mutants(whole[SETTINGS], PIECES, count, seed=41):
        told = json.loads(whole[MANIFEST])
        told["sha256"][SETTINGS] = sha256(mutant).hexdigest()
        write_zip(tmp_path / "y", {**whole, MANIFEST: json.dumps(told).encode(), SETTINGS: mutant})
        tried(saved, (tmp_path / "y").read_bytes())


@times(quick=100, nightly=1500)
def test_weights_that_were_changed_along_with_their_hash_are_refused_or_are_other_weights(
    saved: Saved, tmp_path: Path, count: int
):
    whole = parts(saved.content, tmp_path)
    path = saved.path.with_name("stranger.ckpt")
    for mutant in mutants(whole["weights.pt"], (b"cos\nsystem\n(", b"PK\x03\x04"), count, seed=43):
        told = json.loads(whole[MANIFEST])
        told["sha256"]["weights.pt"] = sha256(mutant).hexdigest()
        write_zip(path, {**whole, MANIFEST: json.dumps(told).encode(), "weights.pt": mutant})
        works_or_refuses(partial(open_run, str(path)), str(path))
