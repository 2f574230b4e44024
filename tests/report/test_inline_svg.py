"""Pictures inside a page: named, told, in the page's colours, with names of their own."""

import numpy as np
import pytest
from matplotlib.axes import Axes

from genolong.report.html import Markup, element
from genolong.report.inline_svg import LONGEST, inline_svg, short
from genolong.report.picture import BLUE, literal
from tests.builders.pages import Page

HOSTILE = "</svg><script>x()</script>$\\frac$"


def line(pane: Axes, name: str = "a") -> None:
    pane.plot([0, 1], [1, 3], color=BLUE, marker="o", label=literal(short(name)))
    pane.set_xlabel("steps")
    pane.legend()


def drawn(name: str, words: str = "words") -> str:
    return inline_svg(name, "A title", words, lambda pane: line(pane, words))


def test_it_is_told_to_who_cannot_see_it():
    page = Page(drawn("one", "rises"))
    assert page.elements[0].attributes["aria-label"] == "A title: rises"
    assert page.elements[0].attributes["role"] == "img"
    assert page.text.startswith("A title rises") and "steps" in page.texts


def test_it_takes_colours_letters_and_size_from_the_page():
    svg = drawn("one")
    assert "var(--blue)" in svg and "currentColor" in svg
    assert "#0072b2" not in svg.lower() and "#000000" not in svg and "font-family" not in svg
    root = Page(svg).elements[0].attributes
    assert set(root) == {"viewbox", "class", "role", "aria-label"}
    assert "http" not in svg.replace('xmlns="http://www.w3.org/2000/svg"', "")


def test_two_pictures_share_no_name():
    ids = [[each.attributes["id"] for each in Page(drawn(name)).elements if "id" in each.attributes] for name in "ab"]
    assert ids[0] and not set(ids[0]) & set(ids[1])


def test_the_same_data_are_the_same_bytes():
    assert drawn("one") == drawn("one")


@pytest.mark.parametrize("words", [HOSTILE, "日本 ヒト", "a\0b\x1b\ud800", "_hidden", "$a$ " * 99])
def test_names_from_files_are_only_text(words: str):
    page = Page(element("div", Markup(drawn("one", words))))
    assert not {"script", "b"} & {each.tag for each in page.elements}
    page.text.encode()


def test_long_names_are_cut():
    assert short("x" * 99) == "x" * (LONGEST - 1) + "…"
    assert short("a\nb") == "a\N{REPLACEMENT CHARACTER}b"


def test_what_is_no_number_is_drawn_too():
    def draw(pane: Axes) -> None:
        pane.plot([1, 2, 3], [1, np.nan, np.inf])

    assert "<svg" in inline_svg("one", "t", "w", draw)
