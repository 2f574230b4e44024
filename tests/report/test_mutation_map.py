"""Pictures of mutation maps: every base stands where it is, in rows or in a survey with what matters most."""
# pyright: basic, reportAttributeAccessIssue=false, reportArgumentType=false, reportCallIssue=false
# pyright: reportIndexIssue=false

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from genolong.errors import OutputError
from genolong.report import mutation_map
from genolong.report.mutation_map import draw_map
from genolong.report.mutation_rows import HEAT, LEFT, ROW, ROW_BP, DrawnMap, draw_row, scale_of
from genolong.report.mutation_survey import STRETCHES, binned, draw_survey, stretches
from genolong.report.picture import BLUE, VERMILION
from tests.report.test_letters import boxes


def drawn(length: int, start: int = 43_044_294, unknown: slice = slice(0, 0), contig: str = "chr17") -> DrawnMap:
    chance = np.random.default_rng(length)
    codes = chance.integers(0, 4, length).astype(np.uint8)
    chances = chance.dirichlet([0.3] * 4, length) + 1e-6
    nats = np.log(chances / chances.sum(1, keepdims=True))
    codes[unknown], nats[unknown] = 4, np.nan
    return DrawnMap(contig, start, codes, nats, "a run, mode=shared")


@pytest.mark.parametrize(("asked", "rows"), [
    (drawn(1), 1), (drawn(7), 1), (drawn(61, start=0), 1), (drawn(121, unknown=slice(80, 109)), 2),
    (drawn(5, unknown=slice(0, 5)), 1), (drawn(301, unknown=slice(0, 170)), 1),
    (drawn(230, unknown=slice(0, 230)), 2), (drawn(11, contig=r"_$\no^$|name"), 1),
])  # fmt: skip
def test_a_picture_is_written_and_its_svg_is_the_same_every_time(
    tmp_path: Path, monkeypatch, asked: DrawnMap, rows: int
):
    monkeypatch.setattr(mutation_map, "ROWS", rows)
    paths = [tmp_path / name for name in ("x.png", "x.svg", "y.svg")]
    assert draw_map(asked, paths[:2]) == paths[:2]
    assert paths[0].read_bytes().startswith(b"\x89PNG")
    assert ElementTree.parse(paths[1]).getroot().tag.endswith("svg")
    draw_map(asked, paths[2:])
    assert paths[1].read_bytes() == paths[2].read_bytes()


@pytest.mark.parametrize("length", [1, 31])
@pytest.mark.parametrize("name", ["contig", "origin"])
def test_names_longer_than_what_is_drawn_are_shown_whole(tmp_path: Path, monkeypatch, name: str, length: int):
    seen: list[Figure] = []
    monkeypatch.setattr(mutation_map, "save", lambda figure, path: seen.append(figure) or path)
    draw_map(drawn(length)._replace(**{name: "NW_024429180.1_a_scaffold_of_an_assembly_" * 3}), [tmp_path / "x.png"])
    (figure,) = seen
    labels = [pane.xaxis.label for pane in figure.axes]
    right = max(text.get_window_extent().x1 for text in [*figure.texts, *labels] if text.get_text())
    assert right < figure.bbox.x1


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path):
    with pytest.raises(OutputError, match=r"nowhere/x.png: there is no folder .*; make it first"):
        draw_map(drawn(3), [tmp_path / "nowhere" / "x.png"])


def row_of(asked: DrawnMap) -> list[Any]:
    figure = Figure(figsize=(17, 3))
    draw_row(figure, asked, scale_of(asked), 0.1, "3")
    return list(figure.axes)


def test_logo_sequence_and_heat_map_stand_above_each_other_and_the_reference_has_a_dot():
    asked = drawn(31, start=94, unknown=slice(4, 6))
    logo, sequence, heat = row_of(asked)
    sides = [(pane.get_position().x0, pane.get_position().x1, *pane.get_xlim()) for pane in (logo, sequence, heat)]
    assert sides[0] == sides[1] == sides[2] and sides[0][2:] == (94.5, 125.5)
    assert logo.get_position().y0 >= sequence.get_position().y0 >= heat.get_position().y0
    assert sides[0][0] == pytest.approx(LEFT / 17) and heat.get_position().height == pytest.approx(HEAT / 3)
    (dots,) = heat.lines
    known = asked.codes < 4
    assert dots.get_xdata().tolist() == (95 + np.flatnonzero(known)).tolist()
    assert dots.get_ydata().tolist() == asked.codes[known].tolist()
    (mesh,) = heat.collections
    np.testing.assert_array_equal(np.ma.getmaskarray(mesh.get_array()), np.tile(~known, (4, 1)))
    assert heat.get_ylim() == (3.5, -0.5) and [label.get_text() for label in heat.get_yticklabels()] == list("ACGT")
    assert [label.get_text() for label in heat.get_xticklabels()] == ["100", "110", "120"]


@pytest.mark.parametrize(("start", "length", "labels"), [
    (6, 1, ["7"]), (6, 2, ["7"]), (43_044_294, 30, ["43,044,300", "43,044,310", "43,044,320"]),
    (8, 9, ["10", "17"]), (2, 7, ["3", "9"]), (43_044_294, 6, ["43,044,300"]),
])  # fmt: skip
def test_places_are_counted_as_people_do(start: int, length: int, labels: list[str]):
    *_, heat = row_of(drawn(length, start))
    assert [label.get_text() for label in heat.get_xticklabels()] == labels


def test_colours_tell_likelier_from_less_likely_and_letters_fit():
    asked = drawn(89)
    scale = scale_of(asked)
    assert float(asked.information.max()) <= scale.bits <= 2
    share = (np.abs(asked.llr) <= scale.nats).mean()
    assert 0.97 < share <= 1
    np.testing.assert_allclose(asked.importance, [-sum(row) / 3 for row in asked.llr])
    chances = np.exp(asked.log_chances)
    np.testing.assert_allclose(asked.information, 2 + (chances * np.log2(chances)).sum(1))


def test_a_region_of_many_rows_gets_a_survey(tmp_path: Path, monkeypatch):
    seen: list[Any] = []
    monkeypatch.setattr(mutation_map, "save", lambda figure, path: seen.append(figure) or path)
    monkeypatch.setattr(mutation_map, "ROWS", 6)
    draw_map(drawn(6 * ROW_BP), [tmp_path / "x.png"])
    draw_map(drawn(6 * ROW_BP + 1), [tmp_path / "x.png"])
    rows, survey = seen
    assert len(rows.axes) == 3 * 6 + 1 and len(survey.axes) == 3 * STRETCHES + 4, "one colour bar"
    assert rows.get_size_inches()[1] > 6 * ROW
    assert [pane.get_xlabel() for pane in rows.axes if pane.get_xlabel()] == ["position on chr17"]
    importance, uncertainty, heat = survey.axes[:3]
    assert importance.get_ylabel() == "importance\n(nats)" and uncertainty.get_ylabel() == "uncertainty\n(bits)"
    assert heat.get_xlabel() == "position on chr17"
    assert draw_survey_label(2_001) == "position on chr17; a column is the mean of 3 bases, light blue the maximum"
    assert len([text for text in importance.texts if text.get_text() in "12345"]) == STRETCHES


def draw_survey_label(length: int) -> str:
    figure = Figure(figsize=(17, 5))
    asked = drawn(length)
    draw_survey(figure, asked, scale_of(asked), [], 0.1)
    return figure.axes[2].get_xlabel()


@given(st.lists(st.one_of(st.just(float("nan")), st.floats(-9, 9)), min_size=1, max_size=43), st.integers(1, 11))
def test_bins_are_means_of_what_is_known(values: list[float], size: int):
    for at, found in enumerate(binned(np.array(values), size)):
        known = [value for value in values[at * size : (at + 1) * size] if value == value]
        assert found == pytest.approx(sum(known) / len(known)) if known else np.isnan(found)
    assert len(binned(np.array(values), size)) == -(-len(values) // size)


def test_stretches_are_those_that_matter_most_and_none_overlaps_another():
    asked = drawn(2_903, unknown=slice(700, 800))
    found, importance = stretches(asked), np.nan_to_num(asked.importance)
    assert len(found) == STRETCHES and found == sorted(found)
    taken: list[int] = []
    for _ in range(STRETCHES):
        free = [
            first
            for first in range(2_903 - ROW_BP + 1)
            if all(abs(first - other) >= ROW_BP for other in taken)
        ]  # fmt: skip
        taken.append(max(free, key=lambda first: importance[first : first + ROW_BP].sum()))
    assert found == sorted(taken)


def test_n_is_no_stretch_that_matters_however_badly_the_model_reads_the_rest():
    asked = drawn(2_903, unknown=slice(700, 2_100))
    nats = np.log(np.full((2_903, 4), 0.76 / 3))
    nats[np.arange(2_903), asked.codes % 4] = np.log(0.24)  # less than any other
    nats[700:2_100] = np.nan
    asked = asked._replace(log_chances=nats)
    assert (asked.importance[:700] < 0).all()
    found = stretches(asked)
    assert len(found) == STRETCHES and not any(700 <= first <= 2_100 - ROW_BP for first in found)
    assert stretches(drawn(2_903, unknown=slice(0, 2_903))) == []


def test_each_cell_stands_over_its_base_and_is_blue_where_a_base_is_likelier():
    asked = drawn(31, start=94, unknown=slice(4, 6))
    _, _, heat = row_of(asked)
    (mesh,) = heat.collections
    corners = mesh.get_coordinates()
    assert corners[0, :, 0].tolist() == [94.5 + at for at in range(32)]
    assert corners[:, 0, 1].tolist() == [-0.5, 0.5, 1.5, 2.5, 3.5]
    np.testing.assert_array_equal(np.ma.filled(mesh.get_array(), np.nan), asked.llr.T)
    nats = scale_of(asked).nats
    assert (mesh.norm.vmin, mesh.norm.vmax) == (-nats, nats)
    assert [to_hex(mesh.cmap(mesh.norm(value))) for value in (-nats, nats)] == [VERMILION.lower(), BLUE.lower()]
    greys = [(patch.get_x(), patch.get_width(), patch.get_y(), patch.get_height()) for patch in heat.patches]
    assert greys == [(98.5, 1, -0.5, 4), (99.5, 1, -0.5, 4)]


def test_letters_of_the_logo_are_as_high_as_what_they_tell():
    asked = drawn(7, start=94)
    logo, *_ = row_of(asked)
    scale = scale_of(asked)
    assert logo.get_ylim() == (0, scale.bits)
    found = {(base, round(middle)): top - bottom for base, middle, _, bottom, top in boxes(logo)}
    for (base, place), height in found.items():
        at = place - 95
        assert height == pytest.approx(np.exp(asked.log_chances[at, "ACGT".index(base)]) * asked.information[at])


@pytest.mark.parametrize("length", [997, 2_003])
def test_the_survey_shows_means_where_they_are(length):
    asked, first, start = drawn(length, start=94, unknown=slice(300, 310)), 211, 94
    figure = Figure(figsize=(17, 5))
    scale = scale_of(asked)
    draw_survey(figure, asked, scale, [first], 0.1)
    importance, uncertainty, heat = figure.axes[:3]
    size = -(-length // 1_000)
    bins = [range(at, min(at + size, length)) for at in range(0, length, size)]
    middles = [start + 1 + (each[0] + each[-1]) / 2 for each in bins]

    def means(values):
        of_bins = [values[each.start : each.stop] for each in bins]
        return [np.nan if np.isnan(each).all() else np.nanmean(each) for each in of_bins]

    for pane, values in ((importance, asked.importance), (uncertainty, 2 - asked.information)):
        (line,) = pane.lines
        np.testing.assert_allclose(line.get_xdata(), middles)
        np.testing.assert_allclose(line.get_ydata(), means(values))
        assert pane.get_xlim() == (94.5, 94.5 + length)
    (mesh,) = heat.collections
    edges = [94.5 + each[0] for each in bins] + [94.5 + length]
    np.testing.assert_allclose(mesh.get_coordinates()[0, :, 0], edges)
    others = np.where(np.arange(4) == asked.codes[:, None], np.nan, asked.llr)
    np.testing.assert_allclose(np.ma.filled(mesh.get_array(), np.nan), [means(others[:, base]) for base in range(4)])
    (span,) = importance.patches
    assert (span.get_x(), span.get_width()) == (94.5 + first, 100)
    (number,) = [text for text in importance.texts if text.get_text() == "1"]
    assert number.xy[0] == 94.5 + first + 50
    (band,) = importance.collections
    if size > 1:
        highest = max(path.vertices[:, 1].max() for path in band.get_paths())
        assert highest == pytest.approx(np.nanmax(asked.importance))
