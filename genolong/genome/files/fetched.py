"""Downloads a file: resumes after an interruption, checks it, and names it only when it is complete."""

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
from genolong.genome.files.hashed import hash_of
from genolong.genome.files.partial_file import SUFFIX, PartialFile
from genolong.long_work import follow

CHUNK = 1 << 20
TIMEOUT_S = 60.0
WAITS_S = (1.0, 3.0, 10.0, 30.0)  # between attempts; starts over whenever more bytes have arrived
AGAIN = (408, 425, 429, 500, 502, 503, 504)  # HTTP errors that may go away
CUT = (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError)
SUM = re.compile(r"(?P<sum>[0-9a-fA-F]{32}|[0-9a-fA-F]{64})[ \t]+\*?(?P<name>\S.*)")
KINDS = {32: "md5", 64: "sha256"}

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Checksum:
    """A file's hash as published by its host; `kind` is md5 or sha256."""

    kind: str
    value: str


def fetch(url: str, place: Path, checksum: Checksum | None, tell: Tell) -> None:
    """Download `url` to `place`; until complete and checked it is `place`.partial, which a later call resumes.

    `tell` gets one line for each event, such as a retry. Raises MissingInputError if `url` does not exist, InputError
    if the checksum differs, BusyError if the host stays unreachable after several attempts, OutputError or OSError if
    the file cannot be written.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{place.parent}: cannot be created ({error.strerror}); name another folder") from error
    _patiently(lambda: _go_on(url, place, tell), url, place, tell)
    _check(url, place, checksum)
    PartialFile(place, resume_at=_size(place)).complete()
    _origin(place).unlink(missing_ok=True)


def part_of(place: Path) -> Path:
    """The path of a file while it is incomplete."""
    return place.with_name(place.name + SUFFIX)


def fetch_text(url: str, tell: Tell) -> str:
    """Download a small text, such as a file of checksums; raises MissingInputError or BusyError."""

    def read() -> str:
        with _open(url, {}) as answer:
            return _next_part(answer).decode("utf-8", errors="replace")

    return _patiently(read, url, Path(url), tell)


def checksum_in(text: str, name: str, url: str) -> Checksum:
    """The checksum of file `name` in the output of md5sum or sha256sum; a single line counts whatever name it has.

    Raises InputError if there is none.
    """
    found = [match for line in text.splitlines() if (match := SUM.fullmatch(line.strip()))]
    named = [match for match in found if Path(match["name"]).name == name]
    if not named and len(found) != 1:
        raise InputError(f"{url}: holds no checksum of {name}; wanted a line of md5sum or sha256sum")
    value = (named or found)[0]["sum"].lower()
    return Checksum(KINDS[len(value)], value)


def _patiently(work: Callable[[], Any], url: str, place: Path, tell: Tell) -> Any:
    """Do the work, and retry after a wait if the connection fails."""
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
            tell(f"{place.name}: {_why(error)}; trying again in {WAITS_S[tried]:g} s")
            time.sleep(WAITS_S[tried])
            tried += 1


def _go_on(url: str, place: Path, tell: Tell) -> None:
    """Download the bytes that are missing; raises one of CUT if the connection ends too early."""
    at, validator = _size(place), _known_origin(url, place)
    asked = {"Range": f"bytes={at}-", "If-Range": validator} if at and validator else {}
    with _open(url, asked) as answer:
        if answer.status == 416:
            return _past_the_end(answer, place, at)
        begins, size = _extent(answer, at)
        if begins:
            tell(f"{place.name}: resuming after {begins:,} bytes")
        elif at:
            tell(f"{place.name}: the host cannot resume after {at:,} bytes, so everything is fetched again")
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
    """The host's response; raises one of CUT for errors worth a retry, MissingInputError for others."""
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
                f"{url}: the host's certificate cannot be verified ({error.reason.verify_message})"
            ) from error
        raise


def _next_part(answer: Any) -> bytes:
    """The next bytes; an OSError here is one of the network, not of the disk, so it becomes a ConnectionError."""
    try:
        return answer.read(CHUNK)
    except CUT:
        raise
    except OSError as error:
        raise ConnectionError(error.strerror or str(error)) from error


def _extent(answer: Any, at: int) -> tuple[int, int | None]:
    """The first byte that the response holds, and the size of the whole file, if stated."""
    said = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", answer.headers.get("Content-Range", ""))
    if answer.status == 206:
        if said is None or int(said[1]) != at:
            raise http.client.HTTPException(f"the host sent another part; wanted the bytes from {at:,} on")
        return at, int(said[2])
    length = answer.headers.get("Content-Length")
    return 0, int(length) if length is not None and length.isdigit() else None


def _past_the_end(answer: Any, place: Path, at: int) -> None:
    """Handle a 416 response: either the partial file is complete, or it belongs to another file and is discarded."""
    if answer.headers.get("Content-Range") != f"bytes */{at}":
        PartialFile(place).discard()
        raise ConnectionError(f"the {at:,} bytes already fetched are more than the host has")


def _check(url: str, place: Path, checksum: Checksum | None) -> None:
    if checksum is None:
        return
    partial = part_of(place)
    found = hash_of(partial, checksum.kind)
    if found != checksum.value:
        partial.unlink()
        _origin(place).unlink(missing_ok=True)
        raise InputError(
            f"{url}: the download has the {checksum.kind} {found}; wanted {checksum.value}, as the host states; "
            "it was removed; try again"
        )


def _refuse_small_disk(place: Path, wanted: int) -> None:
    free = shutil.disk_usage(place.parent).free
    if wanted > free:
        raise OutputError(
            f"{place}: needs {wanted:,} more bytes, but only {free:,} are free; make room, or name another folder"
        )


def _size(place: Path) -> int:
    """The size of a partial file; 0 if there is none."""
    try:
        return part_of(place).stat().st_size
    except OSError:
        return 0


def _origin(place: Path) -> Path:
    """The path of the record of a partial file's source: its URL and its version's validator."""
    return place.with_name(f"{place.name}{SUFFIX}.json")


def _known_origin(url: str, place: Path) -> str:
    """The validator of the version that the partial file is from; empty if unknown."""
    try:
        known = json.loads(_origin(place).read_text())
        return str(known["validator"]) if known["url"] == url else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _validator(answer: Any) -> str:
    """A value that identifies this version of a file: a strong ETag, else Last-Modified."""
    tag = answer.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified", "")


def _why(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    return " ".join(str(reason or error or type(error).__name__).split()) or type(error).__name__
