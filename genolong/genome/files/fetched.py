"""A file from the web: fetched in parts, gone on with after a cut, checked, and there only when it is whole."""

import hashlib
import http.client
import json
import re
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genolong.errors import BusyError, InputError, MissingInputError, OutputError, SettingsError, UnsafeInputError
from genolong.genome.files.partial_file import SUFFIX, PartialFile
from genolong.long_work import follow

CHUNK = 1 << 20
TIMEOUT_S = 60.0
WAITS_S = (1.0, 3.0, 10.0, 30.0)  # after a cut; from the first one again whenever more has come
AGAIN = (408, 425, 429, 500, 502, 503, 504)  # answers of a host that may do it a little later
CUT = (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError)
SUM = re.compile(r"(?P<sum>[0-9a-fA-F]{32}|[0-9a-fA-F]{64})[ \t]+\*?(?P<name>\S.*)")
KINDS = {32: "md5", 64: "sha256"}

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Checksum:
    """What a file's bytes hash to, as its host says; `kind` is md5 or sha256."""

    kind: str
    value: str


def fetch(url: str, place: Path, checksum: Checksum | None, tell: Tell) -> None:
    """Make `place` of what lies at `url`; until it is whole and checked it is `place`.partial, and is gone on with.

    `tell` is told in a line of whatever else happens. Raises MissingInputError for what is not there, InputError where
    the bytes are not those that `checksum` is of, BusyError where the host cannot be reached time and again,
    OutputError or OSError where nothing can be written.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{place.parent}: cannot be made ({error.strerror}); name another folder") from error
    _patiently(lambda: _go_on(url, place, tell), url, place, tell)
    _check(url, place, checksum)
    PartialFile(place, resume_at=_size(place)).complete()
    _origin(place).unlink(missing_ok=True)


def part_of(place: Path) -> Path:
    """Where a file grows until it gets its name."""
    return place.with_name(place.name + SUFFIX)


def fetch_text(url: str, tell: Tell) -> str:
    """A small text, like a file of checksums; raises MissingInputError or BusyError."""

    def read() -> str:
        with _open(url, {}) as answer:
            return _next_part(answer).decode("utf-8", errors="replace")

    return _patiently(read, url, Path(url), tell)


def checksum_in(text: str, name: str, url: str) -> Checksum:
    """Of a text of checksums, as md5sum writes one, that of a file; where there is one line only, it is that one.

    Raises InputError where there is none.
    """
    found = [match for line in text.splitlines() if (match := SUM.fullmatch(line.strip()))]
    named = [match for match in found if Path(match["name"]).name == name]
    if not named and len(found) != 1:
        raise InputError(f"{url}: holds no checksum of {name}; wanted a line of md5sum or sha256sum")
    value = (named or found)[0]["sum"].lower()
    return Checksum(KINDS[len(value)], value)


def hash_of(path: Path, kind: str) -> str:
    """The md5 or sha256 of a file."""
    digest = hashlib.new(kind, usedforsecurity=False)
    advance = follow(f"checking {path.name}", path.stat().st_size)
    with path.open("rb") as file:
        while part := file.read(CHUNK):
            digest.update(part)
            advance(len(part))
    return digest.hexdigest()


def _patiently(work: Callable[[], Any], url: str, place: Path, tell: Tell) -> Any:
    """The work, tried again after a while where a connection is cut."""
    tried = 0
    while True:
        before = _size(place)
        try:
            return work()
        except CUT as error:
            tried = 0 if _size(place) > before else tried
            kept = f"; {_size(place):,} bytes are kept; run the same command again to continue" if _size(place) else ""
            if tried == len(WAITS_S):
                raise BusyError(f"{url}: cannot be reached ({_why(error)}){kept}; try again later") from error
            tell(f"{place.name}: {_why(error)}; again in {WAITS_S[tried]:g} s")
            time.sleep(WAITS_S[tried])
            tried += 1


def _go_on(url: str, place: Path, tell: Tell) -> None:
    """Fetches what is not there yet; raises one of CUT where it ends too soon."""
    at, validator = _size(place), _known_origin(url, place)
    asked = {"Range": f"bytes={at}-", "If-Range": validator} if at and validator else {}
    with _open(url, asked) as answer:
        if answer.status == 416:
            return _past_the_end(answer, place, at)
        begins, size = _extent(answer, at)
        if begins:
            tell(f"{place.name}: goes on after {begins:,} bytes")
        elif at:
            tell(f"{place.name}: the host does not send the rest of what is there ({at:,} bytes), but all of it again")
        _refuse_small_disk(place, (size or 0) - begins)
        file = PartialFile(place, resume_at=begins) if begins else PartialFile(place)
        try:
            _origin(place).write_text(json.dumps({"url": url, "validator": _validator(answer)}))
            advance = follow(f"fetching {place.name}", size)
            advance(begins)
            while part := _next_part(answer):
                file.write(part)
                advance(len(part))
        finally:
            file.close()
        if size is not None and file.size != size:
            raise ConnectionError(f"cut off after {file.size:,} of {size:,} bytes")


def _open(url: str, asked: dict[str, str]) -> Any:
    """The host's answer; raises one of CUT where another time may do, MissingInputError where none will."""
    if not url.startswith(("https://", "http://")):
        raise SettingsError(f"{url}: wanted an address that begins with https://")
    request = urllib.request.Request(url, headers={"User-Agent": "genolong", "Accept-Encoding": "identity", **asked})
    try:
        return urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code == 416 and asked:
            return error
        with error:
            if error.code in AGAIN:
                raise
            raise MissingInputError(f"{url}: the host answers {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise UnsafeInputError(
                f"{url}: the host does not prove who it is ({error.reason.verify_message})"
            ) from error
        raise


def _next_part(answer: Any) -> bytes:
    """The next bytes; what fails here is the connection, as a network that is gone, and not the disk."""
    try:
        return answer.read(CHUNK)
    except CUT:
        raise
    except OSError as error:
        raise ConnectionError(error.strerror or str(error)) from error


def _extent(answer: Any, at: int) -> tuple[int, int | None]:
    """From which byte on it comes, and how many there are in all, where that is said."""
    said = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", answer.headers.get("Content-Range", ""))
    if answer.status == 206:
        if said is None or int(said[1]) != at:
            raise http.client.HTTPException(f"the host sends another part than bytes {at:,} and on")
        return at, int(said[2])
    length = answer.headers.get("Content-Length")
    return 0, int(length) if length is not None and length.isdigit() else None


def _past_the_end(answer: Any, place: Path, at: int) -> None:
    """Nothing is left to send: all of it is there; or what is there is of another file, and is given up."""
    if answer.headers.get("Content-Range") != f"bytes */{at}":
        PartialFile(place).discard()
        raise ConnectionError(f"the {at:,} bytes that are there are more than lie at the host")


def _check(url: str, place: Path, checksum: Checksum | None) -> None:
    if checksum is None:
        return
    partial = part_of(place)
    found = hash_of(partial, checksum.kind)
    if found != checksum.value:
        partial.unlink()
        _origin(place).unlink(missing_ok=True)
        raise InputError(
            f"{url}: what came has the {checksum.kind} {found}, and the host says {checksum.value}; it was removed; "
            "try again"
        )


def _refuse_small_disk(place: Path, wanted: int) -> None:
    free = shutil.disk_usage(place.parent).free
    if wanted > free:
        raise OutputError(
            f"{place}: takes {wanted:,} bytes more, where {free:,} are free; make room, or take another folder"
        )


def _size(place: Path) -> int:
    """Bytes that are there of a file that is not whole."""
    try:
        return part_of(place).stat().st_size
    except OSError:
        return 0


def _origin(place: Path) -> Path:
    """Where it stands of which file a part is: an address, and what told its version apart."""
    return place.with_name(f"{place.name}{SUFFIX}.json")


def _known_origin(url: str, place: Path) -> str:
    """What the host said of the version of which a part is there; empty where that is not known."""
    try:
        known = json.loads(_origin(place).read_text())
        return str(known["validator"]) if known["url"] == url else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _validator(answer: Any) -> str:
    """What tells this version of a file from others to the byte."""
    tag = answer.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified", "")


def _why(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    return " ".join(str(reason or error or type(error).__name__).split()) or type(error).__name__
