"""Pages in a real browser: silent, whole, no wider than the window, dark where that is wished, unfolded on paper."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from genolong.commands.evaluation.evaluate_variants import evaluate_variants
from genolong.commands.pages.report import report
from genolong.commands.pages.report_settings import ReportSettings
from genolong.commands.training.train import train
from tests.builders.browser import Browser, found
from tests.builders.evaluations import evaluation_settings
from tests.builders.resumed_runs import settings_of
from tests.builders.scored_vcfs import scored_vcf

PROGRAM = found()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium or Chrome on this machine")
NASTY = "<script>window.ran=1</script><img src=x onerror=window.ran=1>" + "long" * 60
PHONE, DESK, PAPER = 390, 1280, 718  # pixels; A4 less its margins


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Of a training, of one whose names are hostile, and of an evaluated VCF."""
    home = tmp_path_factory.mktemp("browsed")
    train(settings_of(home, "trainer.max_steps=6", "trainer.validate_every=2"), home / "run")
    (home / "scored.vcf").write_bytes(scored_vcf(genes=("g0", "<b>onload=x</b>" * 9)))
    labelled = (f"vcf={home / 'scored.vcf'}", "label=CLASS", "strata=GENE", "baselines=[CADD]", "bootstrap=40")
    evaluate_variants(evaluation_settings(*labelled))
    made = {"training": home / "run", "alleles": home / "scored.vcf.evaluation.json"}
    written = {name: page(run) for name, run in made.items()}
    record = json.loads((home / "run" / "record.json").read_text())
    record["settings"] |= {"run": {"name": NASTY}, NASTY: {NASTY: NASTY}}
    record["split"]["contigs"].append({"contig": NASTY, "length": 1, "train": 1, "validation": 0})
    record |= {"inputs_sha256": {NASTY: NASTY}, "command": [NASTY], "status": NASTY}
    (home / "hostile").mkdir()
    (home / "hostile" / "record.json").write_text(json.dumps(record))
    return {**written, "hostile": page(home / "hostile")}


def page(run: Path) -> Path:
    return report(ReportSettings(run=str(run), vcf=None, output=None, debug=False))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    assert PROGRAM is not None
    with Browser(PROGRAM, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("name", ["training", "alleles", "hostile"])
def test_a_page_is_silent_whole_and_fits_into_the_window(
    browser: Browser, pages: dict[str, Path], name: str, width: int
):
    browser.show(pages[name], width)
    assert browser.complaints == []
    assert browser.value("window.innerWidth") == width, "the page is no wider than the window"
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.value("[...document.images].every(image => image.complete && image.naturalWidth)")
    boxes = "[...document.querySelectorAll('svg')].map(svg => svg.getBoundingClientRect())"
    assert browser.value(f"{boxes}.every(box => box.width > 200 && box.height > 100 && box.right <= {width})")
    assert name == "hostile" or browser.value("document.querySelectorAll('svg text').length") > 20
    browser.value("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert browser.value("document.documentElement.scrollWidth") <= width, "unfolded, too"


def test_hostile_names_run_nothing(browser: Browser, pages: dict[str, Path]):
    browser.show(pages["hostile"], DESK)
    assert browser.value("window.ran") is None
    assert browser.value("document.scripts.length + document.images.length") == 0
    assert NASTY in browser.value("document.body.innerText")
    assert browser.complaints == []


def test_what_a_page_would_load_or_run_is_refused_by_the_page_itself(
    browser: Browser, pages: dict[str, Path], tmp_path: Path
):
    more = "<script>window.ran=1</script><img src='http://127.0.0.1:9/x.png'></body>"
    (tmp_path / "p.html").write_text(pages["training"].read_text().replace("</body>", more))
    browser.show(tmp_path / "p.html", DESK)
    assert browser.value("window.ran") is None
    assert len([line for line in browser.complaints if "Content Security Policy" in line]) == 2


def test_a_page_is_dark_where_that_is_wished(browser: Browser, pages: dict[str, Path]):
    seen = {}
    for scheme in ("light", "dark"):
        browser.show(pages["training"], DESK, scheme=scheme)
        paper = browser.value("getComputedStyle(document.body).backgroundColor")
        ink = browser.value("getComputedStyle(document.querySelector('svg text')).fill")
        seen[scheme] = [sum(map(int, colour[4:-1].split(","))) for colour in (paper, ink)]
    assert seen["light"][0] > 700 > 150 > seen["light"][1]
    assert seen["dark"][0] < 150 < 600 < seen["dark"][1]


def test_on_paper_everything_is_unfolded(browser: Browser, pages: dict[str, Path]):
    browser.show(pages["training"], DESK)
    if not browser.value("CSS.supports('selector(::details-content)')"):
        pytest.skip("this browser cannot unfold for print")
    cells = "[...document.querySelectorAll('details td')]"
    shown = f"{cells}.filter(cell => cell.checkVisibility({{contentVisibilityAuto: true}}))"
    assert browser.value(f"{shown}.length") == 0
    browser.show(pages["training"], PAPER, media="print", scheme="dark")
    assert browser.value("document.documentElement.scrollWidth") <= PAPER
    assert browser.value(f"{shown}.length") > 50
    assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
