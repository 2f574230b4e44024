"""HTML by construction: whatever is no markup yet is text, and is escaped; no name from a file can become a tag."""

from collections.abc import Iterable
from html import escape

EMPTY = frozenset({"meta", "br", "link"})  # elements that have no end


class Markup(str):
    """Text that is HTML already, because this module made it."""

    __slots__ = ()


def text(content: object) -> Markup:
    """Text as it is read; what cannot be seen, like control letters and marks of direction, by its number."""
    if isinstance(content, Markup):
        return content
    return Markup(escape("".join(_seen(letter) for letter in str(content)), quote=True))


def joined(parts: Iterable[object]) -> Markup:
    """One behind the other."""
    return Markup("".join(text(part) for part in parts if part is not None))


def element(name: str, /, *content: object, **attributes: object) -> Markup:
    """`element("p", "a < b", class_="note")`; an attribute of None or False is left out, of True has no value."""
    given = "".join(
        f" {_name(key)}" if value is True else f' {_name(key)}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Markup(f"<{name}{given}>" + ("" if name in EMPTY else f"{joined(content)}</{name}>"))


def _name(key: str) -> str:
    """class_ for class, aria_label for aria-label."""
    return key.removesuffix("_").replace("_", "-")


def _seen(letter: str) -> str:
    return letter if letter.isprintable() or letter in "\n\t\u00a0" else letter.encode("unicode_escape").decode()
