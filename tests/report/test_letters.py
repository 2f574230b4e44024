"""Letters of a logo stand where they should and are as high as they should be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.textpath import TextPath

from genolong.genome.alphabet import A, C, G, N, T
from genolong.report.letters import COLOURS, FILLED, draw_logo, draw_sequence
from genolong.report.picture import BLUE, GREEN, GREY, ORANGE, VERMILION

HEIGHTS = st.lists(st.floats(0.01, 2), min_size=4, max_size=4)


def pane() -> Axes:
    return Figure().subplots()


def boxes(drawn: Axes) -> list[tuple[str, float, float, float, float]]:
    """Of every letter its base, the middle, its width, its bottom and its top."""
    found = []
    for patch in drawn.patches:
        assert isinstance(patch, PathPatch)
        base = "ACGTN"[[colour.lower() for colour in COLOURS].index(to_hex(patch.get_facecolor()))]
        outline = patch.get_path()
        places: dict[int, list[np.ndarray]] = {}
        for point, code in zip(np.asarray(outline.vertices), np.asarray(outline.codes), strict=True):
            if code != Path.CLOSEPOLY:
                places.setdefault(round(point[0]), []).append(point)
        for points in places.values():
            low, high = np.min(points, axis=0), np.max(points, axis=0)
            found.append((base, (low[0] + high[0]) / 2, high[0] - low[0], low[1], high[1]))
    return found


@settings(max_examples=20)
@given(st.lists(HEIGHTS, min_size=1, max_size=7))
def test_letters_are_stacked_with_the_tallest_on_top(asked: list[list[float]]):
    drawn, heights = pane(), np.array(asked)
    draw_logo(drawn, np.arange(len(asked)) + 71.0, heights)
    found = {(base, round(middle)): (bottom, top) for base, middle, _, bottom, top in boxes(drawn)}
    assert len(found) == 4 * len(asked)
    for at, row in enumerate(asked):
        reached = 0.0
        for height, base in sorted(zip(row, "ACGT", strict=True), key=lambda pair: pair[0]):
            bottom, top = found[base, at + 71]
            assert bottom == pytest.approx(reached) and top - bottom == pytest.approx(height)
            reached = top
        assert reached == pytest.approx(sum(row))


def test_every_letter_is_as_wide_as_its_place():
    drawn = pane()
    draw_logo(drawn, np.array([5.0]), np.array([[0.1, 0.2, 0.3, 0.4]]))
    for _, middle, width, _, _ in boxes(drawn):
        assert middle == pytest.approx(5) and width == pytest.approx(FILLED)


def test_unknown_bases_and_letters_that_nobody_sees_are_left_out():
    drawn = pane()
    draw_logo(drawn, np.arange(2.0), np.array([[np.nan] * 4, [0.01, 0.5, 0.02, 0.3]]), least=0.05)
    assert [(base, round(middle)) for base, middle, *_ in boxes(drawn)] == [("C", 1), ("T", 1)]
    (_, _, _, bottom, _), _ = boxes(drawn)
    assert bottom == pytest.approx(0.01 + 0.02 + 0.3), "what is not drawn keeps its place"


def test_a_sequence_is_a_letter_a_place():
    drawn = pane()
    draw_sequence(drawn, np.arange(6.0), np.array([0, 1, 2, 3, 4, 0], dtype=np.uint8))
    letters = sorted(boxes(drawn), key=lambda box: box[1])
    assert "".join(base for base, *_ in letters) == "ACGTNA"
    assert all((bottom, top) == pytest.approx((0, 1)) for *_, bottom, top in letters)


@pytest.mark.parametrize(
    ("code", "letter", "colour"),
    [
        (A, "A", GREEN),
        (C, "C", BLUE),
        (G, "G", ORANGE),
        (T, "T", VERMILION),
        (N, "N", GREY),
    ],
)
def test_a_base_is_drawn_as_its_letter_upright_in_its_colour(code, letter, colour):
    drawn = pane()
    draw_sequence(drawn, np.zeros(1), np.array([code], dtype=np.uint8))
    (patch,) = drawn.patches
    found, wanted = patch.get_path(), TextPath((0, 0), letter, prop=FontProperties(family="DejaVu Sans", weight="bold"))
    kept = np.asarray(wanted.codes) != Path.CLOSEPOLY
    for axis in range(2):
        one, other = np.asarray(found.vertices)[kept, axis], np.asarray(wanted.vertices)[kept, axis]
        assert (one - one.min()) / np.ptp(one) == pytest.approx((other - other.min()) / np.ptp(other))
    assert to_hex(patch.get_facecolor()) == colour.lower()


def test_a_letter_of_the_least_height_is_drawn():
    drawn = pane()
    draw_logo(drawn, np.zeros(1), np.array([[0.25, 0.5, 0.125, 1.0]]), least=0.25)
    assert len(drawn.patches) == 3
