"""The INFO column as a stream of pieces of any size: adds, removes and finds fields, and reads their values."""

from collections.abc import Collection, Iterable, Iterator


def edited(info: Iterable[bytes], additions: bytes, removed: Collection[bytes] = ()) -> Iterator[bytes]:
    """The pieces of an INFO without the fields of the removed keys, followed by the additions (`KEY=value;FLAG`).

    An INFO that is "." or empty becomes the additions alone; one without any field left becomes ".".
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
    """A whole INFO with the additions appended."""
    if info in (b"", b"."):
        return additions or b"."
    if not additions or info.endswith(b";"):
        return info + additions
    return info + b";" + additions


def without(info: Iterable[bytes], removed: Collection[bytes]) -> Iterator[bytes]:
    """The pieces of an INFO without the fields of the removed keys; a key is the text before = or ;."""
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
    """The given keys that occur in an INFO."""
    return {key for key, _ in _fields(info, max(map(len, keys), default=0)) if key is not None and key in keys}


def field_values(info: bytes, keys: Collection[bytes]) -> dict[bytes, bytes]:
    """The values of the keys in a whole INFO, as written, without flags and "."; of a repeated key the first one."""
    found: dict[bytes, bytes] = {}
    for field in info.split(b";"):
        key, _, value = field.partition(b"=")
        if key in keys:
            found.setdefault(key, value)
    return {key: value for key, value in found.items() if value not in (b"", b".")}


def _fields(info: Iterable[bytes], longest_key: int) -> Iterator[tuple[bytes | None, bytes]]:
    """(key, text) at the start of a field, then (None, text) for its rest; keys longer than longest_key may be cut."""
    begun: bytes | None = b""  # a field whose key may be incomplete; None once the key has been yielded
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
