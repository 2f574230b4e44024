"""INFO edited in the plainest way: all of it at once, as a list of fields."""

from collections.abc import Collection


def edit_info(info: bytes, additions: bytes, removed: Collection[bytes]) -> bytes:
    kept = b";".join(field for field in info.split(b";") if field.split(b"=")[0] not in removed)
    if kept in (b"", b"."):
        return additions or b"."
    return kept + (b"" if kept.endswith(b";") or not additions else b";") + additions
