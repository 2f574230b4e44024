"""Files from the web: whole or not there, gone on with after a cut, never of two versions, and checked."""

import hashlib
import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.errors import BusyError, InputError, MissingInputError, OutputError, SettingsError, UnsafeInputError
from genolong.genome.files import fetched
from genolong.genome.files.fetched import Checksum, checksum_in, fetch, fetch_text
from genolong.genome.files.hashed import hash_of
from tests.builders.file_server import Served, serving

CONTENT = np.random.default_rng(1).bytes(3_000_017)
MD5 = Checksum("md5", hashlib.md5(CONTENT).hexdigest())
SHA256 = Checksum("sha256", hashlib.sha256(CONTENT).hexdigest())
NEWER = CONTENT[::-1]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(fetched, "CHUNK", 1 << 16)
    monkeypatch.setattr(fetched, "WAITS_S", (0.0, 0.0, 0.0))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving({"x.bin": CONTENT}) as served:
        yield served


@pytest.fixture
def told() -> list[str]:
    return []


def got(server: Served, place: Path, told: list[str], checksum: Checksum | None = MD5) -> bytes:
    fetch(f"{server.address}/x.bin", place, checksum, told.append)
    assert {path.name for path in place.parent.iterdir()} == {place.name}, "nothing else is left"
    return place.read_bytes()


@pytest.mark.parametrize("checksum", [MD5, SHA256, None])
def test_a_file_comes_whole_into_a_folder_that_is_made(server: Served, tmp_path: Path, told: list[str], checksum):
    assert got(server, tmp_path / "a" / "b" / "x", told, checksum) == CONTENT
    assert told == [] and server.asked == [""]


def test_where_the_size_is_not_said_it_comes_all_the_same(server: Served, tmp_path: Path, told: list[str]):
    server.says_length = False
    assert got(server, tmp_path / "x", told) == CONTENT


def test_after_a_cut_only_the_rest_is_asked_for(server: Served, tmp_path: Path, told: list[str]):
    server.cut_after, server.cuts = 1_000_003, 2
    assert got(server, tmp_path / "x", told) == CONTENT
    assert server.asked == ["", "bytes=1000003-", "bytes=2000006-"]
    assert "x: cut off after 1,000,003 of 3,000,017 bytes; trying again in 0 s" in told
    assert "x: resuming after 2,000,006 bytes" in told


def test_many_cuts_are_borne_as_long_as_more_comes(server: Served, tmp_path: Path, told: list[str]):
    server.cut_after, server.cuts = 200_003, 99
    assert got(server, tmp_path / "x", told) == CONTENT
    assert len(server.asked) == 15


def test_a_host_that_sends_nothing_is_given_up_and_what_came_is_kept(server: Served, tmp_path: Path, told: list[str]):
    place = tmp_path / "x"
    server.cut_after, server.cuts = 1_000_003, 1
    fetch_once(server, place, told)
    server.cut_after, server.cuts = 0, 99
    with pytest.raises(BusyError, match=r"cannot be reached \(cut off after 1,000,003 of .*1,000,003 bytes are kept"):
        got(server, place, told)
    server.cuts = 0
    assert got(server, place, told) == CONTENT
    assert server.asked[-1] == "bytes=1000003-"


def fetch_once(server: Served, place: Path, told: list[str]) -> None:
    """Leaves a part, as a command that was killed."""
    with pytest.raises(ConnectionError):
        fetched._go_on(f"{server.address}/x.bin", place, told.append)
    assert not place.exists()


def test_a_host_without_ranges_sends_it_all_again(server: Served, tmp_path: Path, told: list[str]):
    server.cut_after, server.cuts, server.ranges = 1_000_003, 1, False
    assert got(server, tmp_path / "x", told) == CONTENT
    assert "x: the host cannot resume after 1,000,003 bytes, so everything is fetched again" in told


@pytest.mark.parametrize("tag", ['"two"', ""])
def test_parts_of_two_versions_are_never_joined(server: Served, tmp_path: Path, told: list[str], tag: str):
    server.cut_after, server.cuts = 1_000_003, 1
    fetch_once(server, tmp_path / "x", told)
    server.files["x.bin"], server.tag = NEWER, tag
    assert got(server, tmp_path / "x", told, Checksum("md5", hashlib.md5(NEWER).hexdigest())) == NEWER


def test_without_a_word_of_the_version_nothing_is_gone_on_with(server: Served, tmp_path: Path, told: list[str]):
    server.tag, server.cut_after, server.cuts = "", 1_000_003, 1
    assert got(server, tmp_path / "x", told) == CONTENT
    assert server.asked == ["", ""]


@pytest.mark.parametrize("written", [None, "{", '{"url": "https://elsewhere/x.bin", "validator": "\\"one\\""}'])
def test_a_part_of_unknown_origin_is_not_gone_on_with(server: Served, tmp_path: Path, told: list[str], written):
    (tmp_path / "x.partial").write_bytes(b"something else")
    if written is not None:
        (tmp_path / "x.partial.json").write_text(written)
    assert got(server, tmp_path / "x", told) == CONTENT
    assert server.asked == [""]


def test_a_part_that_is_whole_already_is_taken(server: Served, tmp_path: Path, told: list[str]):
    server.cut_after, server.cuts = 1_000_003, 1
    fetch_once(server, tmp_path / "x", told)
    (tmp_path / "x.partial").write_bytes(CONTENT)
    assert got(server, tmp_path / "x", told) == CONTENT
    assert server.asked == ["", f"bytes={len(CONTENT)}-"]


def test_a_part_that_is_longer_than_the_file_is_given_up(server: Served, tmp_path: Path, told: list[str]):
    server.cut_after, server.cuts = 1_000_003, 1
    fetch_once(server, tmp_path / "x", told)
    (tmp_path / "x.partial").write_bytes(CONTENT + b"more")
    assert got(server, tmp_path / "x", told) == CONTENT


def test_a_host_that_sends_another_part_is_not_believed(server: Served, tmp_path: Path, told: list[str]):
    server.cut_after, server.cuts, server.lies_about_range = 1_000_003, 1, True
    with pytest.raises(BusyError, match="the host sent another part; wanted the bytes from 1,000,003 on"):
        got(server, tmp_path / "x", told)


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_host_that_is_busy_is_asked_again(server: Served, tmp_path: Path, told: list[str], code: int):
    server.failures = [code, code]
    assert got(server, tmp_path / "x", told) == CONTENT
    assert len(told) == 2


@pytest.mark.parametrize("code", [403, 404, 410])
def test_what_is_not_there_is_said_at_once(server: Served, tmp_path: Path, told: list[str], code: int):
    server.failures = [code]
    with pytest.raises(MissingInputError, match=rf"x.bin: the host answers {code} "):
        got(server, tmp_path / "x", told)
    assert len(server.asked) == 1 and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["md5", "sha256"])
def test_other_bytes_than_the_host_says_are_removed(server: Served, tmp_path: Path, told: list[str], kind: str):
    wrong = Checksum(kind, "0" * len(getattr(hashlib, kind)().hexdigest()))
    with pytest.raises(
        InputError, match=rf"the download has the {kind} [0-9a-f]+; wanted 0+, as the host states; it was"
    ):
        got(server, tmp_path / "x", told, wrong)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_too_small_is_seen_before(server: Served, tmp_path: Path, told: list[str], monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2_000_000))
    with pytest.raises(OutputError, match=r"x: needs 3,000,017 more bytes, but only 2,000,000 are free; make room"):
        got(server, tmp_path / "x", told)


def test_a_disk_that_is_full_keeps_what_came(server: Served, tmp_path: Path, told: list[str], monkeypatch):
    write, written = fetched.PartialFile.write, []

    def full(self, data: bytes) -> None:
        if len(written) == 5:
            raise OSError(28, "No space left on device", "x.partial")
        written.append(data)
        write(self, data)

    monkeypatch.setattr(fetched.PartialFile, "write", full)
    with pytest.raises(OSError, match="No space left"):
        got(server, tmp_path / "x", told)
    monkeypatch.setattr(fetched.PartialFile, "write", write)
    assert got(server, tmp_path / "x", told) == CONTENT
    assert server.asked == ["", f"bytes={5 << 16}-"]


def test_nobody_at_home(tmp_path: Path, told: list[str], server: Served):
    with pytest.raises(BusyError, match=r"http://127.0.0.1:1/x: cannot be reached \(.*refused.*\); try again later"):
        fetch("http://127.0.0.1:1/x", tmp_path / "x", None, told.append)
    with pytest.raises(BusyError, match=r"cannot be reached"):
        fetch_text("http://127.0.0.1:1/x", told.append)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x.org/y", "x.fa"])
def test_only_the_web_is_asked(tmp_path: Path, told: list[str], url: str):
    with pytest.raises(SettingsError, match="wanted an address that begins with https://"):
        fetch(url, tmp_path / "x", None, told.append)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, told: list[str], server: Served):
    (tmp_path / "a").write_text("")
    with pytest.raises(OutputError, match=r"a: cannot be created \(.*\); name another folder"):
        fetch(f"{server.address}/x.bin", tmp_path / "a" / "x", None, told.append)


SUMS = st.text("abcdef0123456789", min_size=32, max_size=32)


@given(st.dictionaries(st.text("abc.", min_size=1).filter(lambda name: Path(name).name == name), SUMS, min_size=2))
def test_a_checksum_is_that_of_the_name(sums: dict[str, str]):
    text = "".join(f"{value}  {name}\n" for name, value in sums.items())
    for name, value in sums.items():
        assert checksum_in(text, name, "u") == Checksum("md5", value)


def test_a_text_of_one_checksum_needs_no_name():
    value = "A" * 64
    assert checksum_in(f"{value} *./sums/x.gz\n", "x.gz", "u") == Checksum("sha256", "a" * 64)
    assert checksum_in(f"{value}  /somewhere/x_20260101.gz\n", "x.gz", "u") == Checksum("sha256", "a" * 64)
    for text in ("", "<html>no</html>", f"{'a' * 32}  y\n{'b' * 32}  z\n"):
        with pytest.raises(InputError, match=r"u: holds no checksum of x.gz; wanted a line of md5sum or sha256sum"):
            checksum_in(text, "x.gz", "u")


def test_a_hash_is_that_of_the_file(tmp_path: Path):
    (tmp_path / "x").write_bytes(CONTENT)
    assert (hash_of(tmp_path / "x", "md5"), hash_of(tmp_path / "x", "sha256")) == (MD5.value, SHA256.value)


def test_a_host_that_is_not_who_it_says_is_refused_at_once(tmp_path: Path, told: list[str], monkeypatch):
    def fails(*_: object, **__: object) -> None:
        error = ssl.SSLCertVerificationError(1, "certificate verify failed")
        error.verify_message = "self-signed certificate"
        raise URLError(error)

    monkeypatch.setattr("urllib.request.urlopen", fails)
    words = r"^https://h/x: the host's certificate cannot be verified \(self-signed certificate\)$"
    with pytest.raises(UnsafeInputError, match=words):
        fetch("https://h/x", tmp_path / "x", None, told.append)
    assert told == [] and not (tmp_path / "x").exists()


@pytest.mark.parametrize("error", [OSError(113, "No route to host"), ssl.SSLError("bad record mac")])
def test_a_network_that_is_gone_is_no_full_disk(server: Served, tmp_path: Path, told: list[str], monkeypatch, error):
    opened, failures = fetched._open, iter([error])

    class Answer:
        def __init__(self, answer: Any) -> None:
            self.answer = answer

        def read(self, size: int) -> bytes:
            for failure in failures:
                raise failure
            return self.answer.read(size)

        def __enter__(self) -> "Answer":
            return self

        def __exit__(self, *_: object) -> None:
            self.answer.close()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.answer, name)

    monkeypatch.setattr(fetched, "_open", lambda *asked: Answer(opened(*asked)))
    assert got(server, tmp_path / "x", told) == CONTENT
    assert len(told) == 1 and told[0].startswith("x: ") and told[0].endswith("; trying again in 0 s")
