"""Builds HTML safely: anything that is not yet Markup is escaped as text, so no name from a file can become a tag."""

from collections.abc import Iterable
from html import escape

EMPTY = frozenset({"meta", "br", "link"})  # elements without an end tag


class Markup(str):
    """Text that is already HTML, because this module built it."""

    __slots__ = ()


def text(content: object) -> Markup:
    """Escaped text; invisible characters, such as control characters and direction marks, are shown by their code."""
    if isinstance(content, Markup):
        return content
    return Markup(escape("".join(_seen(letter) for letter in str(content)), quote=True))


def joined(parts: Iterable[object]) -> Markup:
    """The parts, concatenated; None is left out."""
    return Markup("".join(text(part) for part in parts if part is not None))


def element(name: str, /, *content: object, **attributes: object) -> Markup:
    """`element("p", "a < b", class_="note")`; attributes of None or False are left out, those of True have no value."""
    given = "".join(
        f" {_name(key)}" if value is True else f' {_name(key)}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Markup(f"<{name}{given}>" + ("" if name in EMPTY else f"{joined(content)}</{name}>"))


def _name(key: str) -> str:
    """Turns class_ into class, and aria_label into aria-label."""
    return key.removesuffix("_").replace("_", "-")


def _seen(letter: str) -> str:
    return letter if letter.isprintable() or letter in "\n\t\u00a0" else letter.encode("unicode_escape").decode()
