"""A page as a reader of its HTML finds it: elements with their attributes, and all text."""

from html.parser import HTMLParser
from typing import NamedTuple

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Element(NamedTuple):
    """A tag, its attributes, and the tags that it stands in."""

    tag: str
    attributes: dict[str, str | None]
    inside: tuple[str, ...]


class Page(HTMLParser):
    """Raises AssertionError where an element ends that has not begun, or never ends."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(content)
        self.close()
        assert not self._open, f"never ended: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, dict(attrs), tuple(self._open)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, dict(attrs), tuple(self._open)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open.pop() == tag, f"{tag} ends where it should not"

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All that is read, with single spaces."""
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str) -> list[Element]:
        """The elements of that kind."""
        return [each for each in self.elements if each.tag == tag]


def assert_sound(content: str) -> Page:
    """That a page loads and runs nothing, says what every picture shows, and has no anchor twice or to nowhere."""
    page = Page(content)
    tags = {each.tag for each in page.elements}
    assert not tags & {"script", "img", "link", "iframe", "object", "embed", "base", "form", "image", "foreignobject"}
    for each in page.elements:
        for name, value in each.attributes.items():
            assert not name.startswith("on"), f"{each.tag} would run {value}"
            assert "://" not in (value or "") or each.tag == "meta" or name.startswith("aria"), (
                f"{each.tag} {name}={value}"
            )
            if name in ("href", "src"):
                assert value is not None and value.startswith("#"), f"{each.tag} leads to {value}"
    ids = [value for each in page.elements if (value := each.attributes.get("id"))]
    assert len(ids) == len(set(ids)), "an anchor is there twice"
    referred = {value[1:] for each in page.elements if (value := each.attributes.get("href"))}
    assert referred <= set(ids), f"these lead nowhere: {referred - set(ids)}"
    for each in page.all("svg"):
        assert each.attributes.get("role") == "img" and each.attributes.get("aria-label")
        assert "figure" in each.inside
    assert len(page.all("figure")) == len(page.all("svg")) == len(page.all("figcaption"))
    policy = [each.attributes["content"] for each in page.all("meta") if "http-equiv" in each.attributes]
    assert policy == [
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    ]
    assert "@import" not in content and "url(http" not in content and "javascript:" not in content
    return page
