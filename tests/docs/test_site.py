"""The pages are built without a warning, and what is built asks nobody for anything."""

import os
import re
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from tests.docs.pages import DOCS, PROJECT

FETCHED = re.compile(
    r"<(?:script|img|iframe|source|video|audio|embed|object)\b[^>]*?(?:src|srcset|data)=[\"']?(?:https?:)?//[^\"'> ]+"
    r"|<link\b[^>]*?href=[\"']?(?:https?:)?//[^\"'> ]+|url\([\"']?(?:https?:)?//[^)]+|@import[^;]+"
)


@pytest.mark.skipif(find_spec("material") is None, reason="wants mkdocs-material (genolong[docs])")
def test_the_pages_are_built_and_fetch_nothing(tmp_path: Path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(
        command, cwd=PROJECT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True
    )  # fmt: skip
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr
    built = {path.stem for path in tmp_path.glob("*.html")}
    assert built >= {path.stem for path in DOCS.glob("*.md")}
    for path in (*tmp_path.rglob("*.html"), *tmp_path.rglob("*.css")):
        fetched = FETCHED.findall(path.read_text(encoding="utf-8"))
        assert not fetched, f"{path.name} fetches {fetched[0]}"


def test_the_citation_is_of_this_version_and_names_the_paper():
    cited = yaml.safe_load((PROJECT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["cff-version"] == "1.2.0" and cited["type"] == "software"
    assert {"message", "title", "authors"} <= set(cited)  # what the format requires
    assert cited["version"] == version("genolong") and cited["license"] == "Apache-2.0"
    (paper,) = cited["references"]
    assert {"type", "title", "authors"} <= set(paper) and "2307.02486" in paper["identifiers"][0]["value"]


def test_the_readme_fits_on_a_screen():
    assert len((PROJECT / "README.md").read_text(encoding="utf-8").splitlines()) <= 60


def test_the_concepts_are_drawn_from_the_code_as_it_is(tmp_path: Path):
    subprocess.run([sys.executable, PROJECT / "scripts" / "draw_concepts", "--folder", tmp_path], check=True)
    pins = dict(line.split("==") for line in (PROJECT / "constraints.txt").read_text(encoding="utf-8").splitlines())
    for drawn in sorted(tmp_path.iterdir()):
        committed = DOCS / "pictures" / drawn.name
        same = drawn.read_bytes() == committed.read_bytes()
        assert same or version("matplotlib") != pins["matplotlib"], f"{committed}: run scripts/draw_concepts again"
    assert len([*tmp_path.iterdir()]) == 2
