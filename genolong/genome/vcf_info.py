"""The INFO column: fields added, removed, looked for while it streams by in pieces of any size; their values, too."""

from collections.abc import Collection, Iterable, Iterator


def edited(info: Iterable[bytes], additions: bytes, removed: Collection[bytes] = ()) -> Iterator[bytes]:
    """The pieces of an INFO without the fields whose keys are removed, then the additions (`KEY=value;FLAG`).

    An INFO of "." or nothing becomes the additions alone; one that is left with nothing becomes ".".
    """
    last, begun = b"", False
    for piece in without(info, removed) if removed else info:
        if piece:
            if last:
                yield last
                begun = True
            last = piece
    if begun:
        yield last + additions if last.endswith(b";") or not additions else last + b";" + additions
    else:
        yield extended(last, additions)


def extended(info: bytes, additions: bytes) -> bytes:
    """A whole INFO and the additions."""
    if info in (b"", b"."):
        return additions or b"."
    if not additions or info.endswith(b";"):
        return info + additions
    return info + b";" + additions


def without(info: Iterable[bytes], removed: Collection[bytes]) -> Iterator[bytes]:
    """The pieces of an INFO without the fields whose keys are removed; a key is all that stands before = or ;."""
    keep, separator = True, b""
    for key, text in _fields(info, max(map(len, removed), default=0)):
        if key is not None:
            keep = key not in removed
            if keep:
                yield separator + text
                separator = b";"
        elif keep:
            yield text


def held_keys(info: Iterable[bytes], keys: Collection[bytes]) -> set[bytes]:
    """Those of the keys that an INFO holds."""
    return {key for key, _ in _fields(info, max(map(len, keys), default=0)) if key is not None and key in keys}


def field_values(info: bytes, keys: Collection[bytes]) -> dict[bytes, bytes]:
    """What a whole INFO says of the keys, as written; a flag and "." say nothing, a repeated key what it says first."""
    found: dict[bytes, bytes] = {}
    for field in info.split(b";"):
        key, _, value = field.partition(b"=")
        if key in keys:
            found.setdefault(key, value)
    return {key: value for key, value in found.items() if value not in (b"", b".")}


def _fields(info: Iterable[bytes], longest_key: int) -> Iterator[tuple[bytes | None, bytes]]:
    """(key, text) where a field begins, then (None, text) for the rest of it; longer keys may be cut."""
    begun: bytes | None = b""  # a field whose key may not be whole yet; None: it has been told
    for piece in info:
        for number, text in enumerate(piece.split(b";")):
            if number:
                if begun is not None:
                    yield begun, begun
                begun = b""
            if begun is None:
                yield None, text
                continue
            begun += text
            if b"=" in begun or len(begun) > longest_key:
                yield begun.partition(b"=")[0], begun
                begun = None
    if begun is not None:
        yield begun, begun
