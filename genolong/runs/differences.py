"""What differs between this machine and a record, of all that a result could depend on; likeliest causes first."""

import hashlib
from collections.abc import Mapping
from typing import Any

MACHINE = {
    "gpu": "GPU", "threads": "threads (OMP_NUM_THREADS)", "vectors": "vector instructions", "processor": "processor",
    "system": "system",
}  # fmt: skip
OF_NOTHING = hashlib.sha256(b"").hexdigest()
LIKELIEST = ("torch", "genolong", "numpy")


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """A line per difference, like "threads (OMP_NUM_THREADS): 2 then, 1 now"; skips what the record does not say."""
    machine = _lines({text: (_of(then, "machine", name), _of(now, "machine", name)) for name, text in MACHINE.items()})
    packages = [*LIKELIEST, *(name for name in now["versions"] if name not in LIKELIEST)]
    versions = _lines({name: (_of(then, "versions", name), _of(now, "versions", name)) for name in packages})
    system = machine.pop() if machine and machine[-1].startswith(MACHINE["system"]) else None
    return [*machine, *versions, *_code(then, now), *([system] if system else [])]


def _of(record: Mapping[str, Any], part: str, name: str) -> Any:
    """A field of a record; `...` if it is missing."""
    known = record.get(part)
    return known.get(name, ...) if isinstance(known, Mapping) else ...


def _lines(pairs: Mapping[str, tuple[Any, Any]]) -> list[str]:
    return [
        f"{name}: {_shown(then)} then, {_shown(now)} now"
        for name, (then, now) in pairs.items()
        if ... not in (then, now) and then != now
    ]


def _code(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Whether genolong's own code differs; an installed wheel has only its version."""
    pairs = {
        "genolong's commit": (_of(then, "code", "commit"), _of(now, "code", "commit")),
        "genolong's uncommitted changes": (_of(then, "code", "diff_sha256"), _of(now, "code", "diff_sha256")),
    }
    return _lines({name: tuple(map(_abridged, pair)) for name, pair in pairs.items()})


def _abridged(sha256: Any) -> Any:
    """The first digits of a hash, as people compare it; None if nothing was changed."""
    return sha256 if sha256 is ... else None if sha256 == OF_NOTHING else sha256[:12]


def _shown(value: Any) -> str:
    return "none" if value is None else "".join(letter for letter in str(value)[:80] if letter.isprintable())
