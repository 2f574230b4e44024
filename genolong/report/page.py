"""A self-contained HTML page: its frame and building blocks; it loads nothing and runs no scripts."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from genolong.report.figures import Table
from genolong.report.html import Markup, element, joined

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
DOCTYPE = "<!DOCTYPE html>"
STYLE = Path(__file__).with_name("page.css")


class Section(NamedTuple):
    """A section of a page: its anchor, heading and content."""

    anchor: str
    heading: str
    content: Markup


def page(title: str, lead: object, opening: Iterable[Markup], sections: Sequence[Section], footer: object) -> str:
    """The complete text of an HTML file."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", title),
        element("style", Markup(STYLE.read_text(encoding="utf-8"))),
    )
    links = element(
        "nav", *(element("a", part.heading, href=f"#{part.anchor}") for part in sections), aria_label="sections"
    )
    body = element(
        "body",
        element("header", element("h1", title), element("p", lead, class_="lead"), links),
        element("main", *opening, *(
            element("section", element("h2", part.heading), part.content, id=part.anchor) for part in sections
        )),
        element("footer", footer),
    )  # fmt: skip
    return f"{DOCTYPE}\n{element('html', head, body, lang='en')}\n"


def tiles(figures: Iterable[tuple[str, str, str]]) -> Markup:
    """Key figures at the top of a page, each with name, value and a remark."""
    shown = (
        element("div", element("dt", name), element("dd", value, " ", element("small", more) if more else None))
        for name, value, more in figures
    )
    return element("dl", *shown, class_="tiles")


def picture(title: str, svg: Markup, *caption: object) -> Markup:
    """A picture with its title above and a caption below."""
    return element("figure", element("h3", title), svg, element("figcaption", *caption))


def pictures(*drawn: Markup | None) -> Markup:
    """Pictures, side by side where there is room."""
    return element("div", *drawn, class_="pictures")


def table(shown: Table) -> Markup:
    """A table of figures; if it is wider than the screen, it scrolls within the page."""
    first, *others = shown.columns
    header = element("th", first, scope="col"), *(element("th", name, scope="col", class_="number") for name in others)
    rows = (
        element("tr", element("th", name, scope="row"), *(element("td", value, class_="number") for value in values))
        for name, *values in shown.rows
    )
    whole = element("table", element("thead", element("tr", *header)), element("tbody", *rows))
    return scrolled(whole, shown.title)


def bars(title: str, columns: tuple[str, str], rows: Iterable[tuple[str, int]], more: str = "") -> Markup:
    """A table of counts, with their shares drawn as bars."""
    rows = list(rows)
    total, most = sum(count for _, count in rows), max((count for _, count in rows), default=0)
    lines = (
        element(
            "tr", element("th", name, scope="row"), element("td", f"{count:,}", class_="number"),
            element("td", f"{count / max(total, 1):.1%}", class_="number"),
            element("td", element("span", style=f"width: {100 * count / max(most, 1):.2f}%"), class_="bar"),
        )
        for name, count in rows
    )  # fmt: skip
    header = (
        element("th", columns[0], scope="col"), element("th", columns[1], scope="col", class_="number"),
        element("th", "share", scope="col", class_="number"), element("td"),
    )  # fmt: skip
    whole = element(
        "table",
        element("thead", element("tr", *header)),
        element("tbody", *lines),
        class_="bars",
    )
    return joined((scrolled(whole, title), element("p", more, class_="note") if more else None))


def pairs(rows: Iterable[tuple[object, object]], *, long_names: bool = False) -> Markup:
    """A table of names and values; values of None are left out."""
    lines = (
        element("tr", element("th", name, scope="row"), element("td", value))
        for name, value in rows
        if value is not None
    )
    return element("table", element("tbody", *lines), class_="pairs long" if long_names else "pairs")


def folded(heading: object, told: object, content: Markup) -> Markup:
    """Content that unfolds when its heading is clicked, and in print."""
    return element("details", element("summary", heading, " ", element("small", told)), content)


def scrolled(wide: Markup, title: str) -> Markup:
    """A wide table below a fixed title; it can also be scrolled with keys, for those without a mouse."""
    moved = element("div", wide, class_="scroll", tabindex=0, role="region", aria_label=title)
    return joined((element("p", title, class_="caption"), moved))


def paragraph(*content: object) -> Markup:
    """A paragraph of text."""
    return element("p", *content)


def note(*content: object) -> Markup:
    """An explanation of what precedes it, or of why something is missing."""
    return element("p", *content, class_="note")


def warning(*content: object) -> Markup:
    """A warning that a reader must not overlook."""
    return element("p", *content, class_="warning")


def code(content: object) -> Markup:
    """A hash, path or value in code font."""
    return element("code", content)


def command(line: str) -> Markup:
    """A command to type."""
    return element("pre", element("code", line))
