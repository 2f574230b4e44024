"""Whatever comes from a file is text: nothing in it becomes an element, an attribute or an unseen mark."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.report.html import Markup, element, joined, text
from tests.builders.pages import Page


def test_elements_nest_and_escape():
    made = element(
        "p", "a < b & ", element("b", "c"), class_="x", aria_label='say "it"', hidden=True, title=None, id=False
    )
    assert made == '<p class="x" aria-label="say &quot;it&quot;" hidden>a &lt; b &amp; <b>c</b></p>'
    assert element("meta", charset="utf-8") == '<meta charset="utf-8">'
    assert element("meta", name="n") == '<meta name="n">'


def test_none_is_left_out_and_numbers_are_written():
    assert joined(("a", None, 3, Markup("<i>"))) == "a3<i>"


@pytest.mark.parametrize(
    ("unseen", "shown"), [("\0", r"\x00"), ("\u202e", r"\u202e"), ("\ud800", r"\ud800"), ("\x1b[31m", r"\x1b[31m")]
)
def test_what_cannot_be_seen_is_told_by_its_number(unseen: str, shown: str):
    assert text(f"a{unseen}b") == f"a{shown}b"
    assert text("é 日本 😀\n\tx") == "é 日本 😀\n\tx"


@given(st.text(), st.text())
def test_no_text_becomes_markup(content: str, value: str):
    page = Page(element("p", content, title=value))
    (found,) = page.elements
    assert found.tag == "p" and set(found.attributes) == {"title"}
    page.text.encode()
