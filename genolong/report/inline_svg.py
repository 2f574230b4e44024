"""A picture as SVG inside a page, in the page's colours and fonts, with a description for screen readers."""

import re
import warnings
from collections.abc import Callable
from io import BytesIO
from xml.etree import ElementTree

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from genolong.report.html import Markup
from genolong.report.picture import BLUE, GREEN, GREY, GRID, ORANGE, SKY, VERMILION, frame

SVG, XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
COLOURS = {  # as drawn, and as the page's CSS variables, which are lighter in dark mode
    BLUE: "--blue", ORANGE: "--orange", GREEN: "--green", VERMILION: "--vermilion", SKY: "--sky", GREY: "--grey",
    GRID: "--grid",
}  # fmt: skip
INK = {"#000000": "currentColor", **{colour.lower(): f"var({name})" for colour, name in COLOURS.items()}}
NOTHING = dict.fromkeys(("Date", "Creator", "Format", "Type"))
LONGEST = 40  # characters of a name in a picture, at most


def inline_svg(
    name: str, title: str, told: str, draw: Callable[[Axes], None], *, width: float = 5.0, height: float = 3.6
) -> Markup:  # fmt: skip
    """The SVG of what `draw` draws into one pane, `width` inches wide; the same bytes for the same data.

    `name` must be unique on the page. Screen readers say `title` and `told`.
    """
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the page's own font is used
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        pane = figure.subplots()
        frame(pane)
        draw(pane)
        written = BytesIO()
        figure.savefig(written, format="svg", transparent=True, metadata=NOTHING)
    return _in_page(ElementTree.fromstring(written.getvalue()), name, title, told)


def legend_below(pane: Axes, columns: int = 1) -> None:
    """A legend below the pane, where it covers nothing."""
    figure = pane.get_figure(root=True)
    assert figure is not None
    handles, labels = pane.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=8.5, frameon=False)


def short(name: str) -> str:
    """A name from a file, shortened to fit into a picture, with unprintable characters replaced."""
    seen = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)
    return seen if len(seen) <= LONGEST else f"{seen[: LONGEST - 1]}…"


def _in_page(root: ElementTree.Element, name: str, title: str, told: str) -> Markup:
    for parent in root.iter():
        for child in [child for child in parent if child.tag in (f"{SVG}style", f"{SVG}metadata")]:
            parent.remove(child)
    referred = set(re.findall(r"#([\w.-]+)", " ".join(value for node in root.iter() for value in node.attrib.values())))
    for node in root.iter():
        node.tag = node.tag.removeprefix(SVG)
        node.attrib = {
            key: value
            for given, written in node.attrib.items()
            for key, value in _attribute(given, written, name, referred)
        }
    root.attrib = {"viewBox": root.attrib["viewBox"], "class": "picture", "role": "img"}
    for tag, words in (("desc", told), ("title", title)):
        said = ElementTree.Element(tag, id=f"{name}-{tag}")
        said.text = "".join(letter for letter in words if letter.isprintable())
        root.insert(0, said)
    root.set("aria-label", f"{root[0].text}: {root[1].text}")
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _attribute(key: str, value: str, name: str, referred: set[str]) -> list[tuple[str, str]]:
    """An attribute as the page needs it: ids made unique to this picture, colours replaced by the page's."""
    if key == "id":
        return [(key, f"{name}-{value}")] if value in referred else []
    if key == "style":
        return [(key, "; ".join(_styles(value)))]
    if key in ("href", f"{XLINK}href"):
        return [("href", f"#{name}-{value.removeprefix('#')}")]
    return [(key, value.replace("url(#", f"url(#{name}-"))]


def _styles(style: str) -> list[str]:
    pairs = (part.split(":", 1) for part in style.split(";") if ":" in part)
    return [
        f"{key.strip()}: {INK.get(value.strip().lower(), value.strip())}"
        for key, value in pairs
        if key.strip() != "font-family"
    ]
