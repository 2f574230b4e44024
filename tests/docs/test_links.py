"""Every link of the pages leads somewhere: to a file, to a heading of it, or out over https."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.docs.pages import DOCS, PAGES, PROJECT, anchors, links, name_of


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path):
    for link in links(page):
        parts = urlsplit(link)
        if parts.scheme:
            assert parts.scheme == "https" and parts.netloc, f"{link}: wanted an https address"
            continue
        target = (page.parent / parts.path).resolve() if parts.path else page
        assert target.is_file(), f"{link}: no such file"
        assert target.is_relative_to(PROJECT)
        assert page.parent != DOCS or target.is_relative_to(DOCS), f"{link}: is outside of the built pages"
        if parts.fragment:
            assert parts.fragment in anchors(target), f"{link}: {sorted(anchors(target))}"


def test_links_and_anchors_are_found(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(
        "# The `same` again: *now*\n\n[a](b.md#c-d) and ![x](y.png)\n`[no](code)`\n```\n# no heading\n[no](no)\n```\n"
        '<img src="z.svg">\n'
    )
    assert [*links(page)] == ["b.md#c-d", "y.png", "z.svg"]
    assert anchors(page) == {"the-same-again-now"}


def test_no_picture_is_left_that_no_page_shows():
    shown = {(page.parent / link).resolve() for page in PAGES for link in links(page) if "://" not in link}
    pictures = {path for suffix in ("png", "svg", "jpg") for path in DOCS.rglob(f"*.{suffix}")}
    assert pictures - {DOCS / "theme" / "icon.svg"} <= shown
