"""The picture of loss against context is written, with or without a floor."""

import pytest

from genolong.report.context_use import Panel, draw_context_use, panels_of
from genolong.report.figures import NATS, Figure
from genolong.report.picture import in_short

CONTEXTS = (128, 256, 512)


def line(*values):
    return [Figure("x", value, NATS, 101, error) for value, error in zip(values, (0.01, None, 0.02), strict=True)]


def panel(floor=()) -> Panel:
    flat = {"best k-mer counter": Figure("k", 1.25, NATS, 101, None)}
    return Panel("all bases", line(1.3, 1.2, 1.1), floor, flat)


@pytest.mark.parametrize("panels", [[panel()], [panel(line(1.0, 0.9, 0.8)), panel()]])
def test_the_picture_is_written(tmp_path, panels):
    picture = draw_context_use(tmp_path / "context_use.png", "a run on a genome", CONTEXTS, panels)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_powers_of_two_are_named_as_people_do():
    assert [in_short(number) for number in (128, 1_000, 1_024, 131_072, 1 << 20, 1_025)] == [
        "128", "1,000", "1k", "128k", "1M", "1,025",
    ]  # fmt: skip


def test_a_name_of_a_run_is_no_mathematics(tmp_path):
    assert draw_context_use(tmp_path / "context_use.png", r"a $\nothing$ run", CONTEXTS, [panel()]).is_file()


def test_only_classes_that_were_measured_have_a_panel():
    figures = [Figure(f"context/{context}/loss", 1.0, NATS, 5, None) for context in CONTEXTS]
    figures += [Figure(f"{name}/loss", 1.2, NATS, 5, None) for name in ("best_kmer", "composition")]
    (only,) = panels_of(figures, CONTEXTS)
    assert only.title == "all bases" and len(only.model) == 3 and not only.floor


def test_each_class_has_its_own_figures_in_the_order_of_the_contexts():
    kinds = ("loss", "floor", "loss_slots", "floor_slots")
    figures = [Figure(f"context/{context}/{kind}", 1.0, NATS, 5, None) for kind in kinds for context in CONTEXTS[::-1]]
    figures += [Figure(f"{name}/{kind}", 1.2, NATS, 5, None) for name in ("best_kmer", "composition") for kind in kinds]
    panels = panels_of(figures, CONTEXTS)
    assert [panel.title for panel in panels] == ["all bases", "slots (votes for the domain's type)"]
    for suffix, panel in zip(("", "_slots"), panels, strict=True):
        for kind, found in (("loss", panel.model), ("floor", panel.floor)):
            assert [figure.name for figure in found] == [f"context/{context}/{kind}{suffix}" for context in CONTEXTS]
        assert {label: figure.name for label, figure in panel.baselines.items()} == {
            "best k-mer counter": f"best_kmer/loss{suffix}", "base composition": f"composition/loss{suffix}",
        }  # fmt: skip
