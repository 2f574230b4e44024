"""Settings as people type them: each by its full name, and its value as it stands behind the =."""

from collections.abc import Iterator, Mapping
from typing import Any


def leaves(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The full name and the value of every setting of a tree."""
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def typed(value: Any) -> str:
    """A value as it is typed."""
    if isinstance(value, list):
        return f"[{','.join(map(typed, value))}]"
    return {"None": "null", "True": "true", "False": "false"}.get(str(value), str(value))
