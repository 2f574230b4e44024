"""Trainings side by side: what is in the tables, in which order, and which results are not comparable."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from genolong.composing import CONF, TRAINED, settings_of
from genolong.report.side_by_side import (
    MOST,
    READ,
    Trained,
    _draw,
    caveats,
    differing,
    loss_pictures,
    ranked,
    results_table,
    settings_table,
)
from genolong.report.training_pictures import ACCURACY, AUPRC, AUROC, LOSS, VALIDATION

NOTHING = np.array([]), np.array([])
SETTINGS = {
    "seed": 1, "run": {"name": "a", "folder": "runs"}, "data": {"fasta": None, "workers": 1, "validation": None},
    "context": {"window_bp": 1024}, "task": {"masking": {"share": 0.15}}, "trainer": {"max_steps": 7},
}  # fmt: skip


def course(*values: float) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(1.0, len(values) + 1), np.array(values, float)


def trained(
    name: str = "a", courses: dict[str, Any] | None = None, *, step: int | None = 10, bits: float | None = None,
    settings: dict[str, Any] | None = None, **record: Any,
) -> Trained:  # fmt: skip
    about = {"status": "finished", "steps": 7, "settings": {**SETTINGS, **(settings or {})}, **record}
    return Trained(name, f"runs/{name}", about, {**dict.fromkeys(READ, NOTHING), **(courses or {})}, bits, step)


def held(name: str, *values: float, **more: Any) -> Trained:
    return trained(name, {VALIDATION: course(*values), LOSS: course(2.0, 1.0, 1.5)}, **more)


@given(st.lists(st.floats(0, 2) | st.sampled_from([np.nan, np.inf]), max_size=7))
def test_the_lowest_loss_comes_first_and_what_is_no_number_last(losses: list[float]) -> None:
    order = [run.score for run in ranked([held(str(number), 9.0, loss) for number, loss in enumerate(losses)])]
    finite = [loss for loss in losses if np.isfinite(loss)]
    assert order[: len(finite)] == sorted(finite)


def test_the_highest_auroc_comes_first_and_without_one_last() -> None:
    heads = [trained(name, {AUROC: course(*areas)}, step=None) for name, areas in
             {"low": (0.9, 0.6), "none": (), "high": (0.5, 0.8)}.items()]  # fmt: skip
    assert [run.name for run in ranked(heads)] == ["high", "low", "none"]


def test_a_row_says_how_far_each_came_and_what_it_reached() -> None:
    times: dict[str, Any] = {"started": "2026-11-28T10:00:00+00:00", "finished": "2026-11-28T10:03:20+00:00"}
    whole = trained(
        "whole", {VALIDATION: course(1.5, 1.2, 1.25), ACCURACY: course(0.5)}, bits=1.75, bases=70_000, **times
    )
    ended = trained("ended", {LOSS: course(1, 1, 1)}, steps=None, status="started")
    shown = results_table("title", [whole, ended])
    assert shown.title == "title"
    assert shown.columns == (
        "run", "status", "steps", "bases read", "held-out loss", "lowest", "accuracy", "bits/base (evaluate)", "time",
    )  # fmt: skip
    assert shown.rows == (
        ("whole", "finished", "7", "70,000", "1.2500", "1.2000", "50.0%", "1.750", "3 min 20 s"),
        ("ended", "started", "3 of 7", *("–",) * 6),
    )


def test_the_lowest_loss_is_a_number_if_any_was() -> None:
    table = results_table("", [held("broken", np.nan, 1.5, 1.25, np.inf), held("never", np.nan)])
    assert [row[table.columns.index("lowest")] for row in table.rows] == ["1.2500", "–"]


def test_columns_that_say_nothing_are_left_out() -> None:
    head = trained("head", {AUROC: course(0.75), AUPRC: course(0.5), VALIDATION: course(0.7)}, step=None)
    assert results_table("", [head]).columns == ("run", "steps", "held-out loss", "lowest", "AUROC", "AUPRC")


def test_a_training_that_has_logged_nothing_took_no_step() -> None:
    assert results_table("", [trained(steps=None)]).rows == (("a", "0 of 7"),)
    assert results_table("", [trained(settings={"trainer": None})]).rows == (("a", "7"),)


def test_settings_that_differ_are_told_with_their_values_and_folders() -> None:
    runs = [
        held("a", 1.0, settings={"run": {"name": "b", "folder": "x"}}),
        held("b", 1.0, settings={"seed": 2, "data": {**SETTINGS["data"], "validation": ["chr1", "chr2"]}}),
        held("c", 1.0, settings={"model": {"width": 3}}),
    ]
    names = differing(runs)
    assert names == ["seed", "data.validation", "model.width"]
    shown = settings_table("t", runs, names)
    assert shown.columns == ("run", *names, "folder")
    assert shown.rows == (
        ("a", "1", "null", "–", "runs/a"), ("b", "2", "[chr1,chr2]", "–", "runs/b"), ("c", "1", "null", "3", "runs/c"),
    )  # fmt: skip
    assert differing(runs[:1]) == []


@pytest.mark.parametrize(
    ("names", "lines"),
    [
        (["optimizer.name", "data.workers", "data.fasta"], []),
        (["data.validation", "seed"], [
            "Not all were measured on the same held-out bases: they differ in data.validation.",
            "Each seed hides other bases of the held-out windows, so part of the difference is chance.",
        ]),
        (["context.window_bp", "context.batch", "task.masking.share"], [
            "Not all were measured on the same held-out bases: they differ in context.window_bp, task.masking.share.",
        ]),
    ],
)  # fmt: skip
def test_results_on_other_bases_are_said_not_to_be_comparable(names: list[str], lines: list[str]) -> None:
    assert caveats([held("a", 1.0), held("b", 1.0)], names) == lines


def test_files_are_compared_by_their_content_not_by_their_names() -> None:
    one, moved, other = (trained(inputs_sha256=read) for read in ({"x": "1"}, {"y": "1"}, {"x": "2"}))
    assert caveats([one, moved], ["data.fasta"]) == []
    assert caveats([one, other], []) == [
        "Not all were measured on the same held-out bases: they differ in what their input files hold."
    ]


@pytest.mark.parametrize(
    "name", ["data.fasta", "data.cache", "data.workers", "data.reverse_complement", "data.synonyms"]
)
def test_settings_that_leave_the_held_out_bases_as_they_are_are_no_caveat(name: str) -> None:
    assert caveats([trained(), trained()], [name]) == []
    assert name in {*settings_of(CONF, "train"), *settings_of(TRAINED, "train_variants")}


def test_of_heads_alleles_are_told_and_seeds_hide_nothing() -> None:
    heads = [trained(step=None), trained(step=None)]
    assert caveats(heads, ["seed", "data.label", "longest_allele"]) == [
        "Not all were measured on the same held-out alleles: they differ in data.label, longest_allele."
    ]


def test_losses_are_drawn_over_what_was_read() -> None:
    both = loss_pictures("models", [held("one", 1.5, 1.25), held("two", 1.0)])
    assert ["Held-out loss of 2 trainings" in both[0], "Training loss of 2 trainings" in both[1]] == [True, True]
    assert "one: 1.25; two: 1" in both[0] and "bases read" in both[0] and "nats/base" in both[0]
    assert 'id="models-validation-title"' in both[0] and 'id="models-train-title"' in both[1]
    assert "one" in both[1] and "Smoothed; lower is better." in both[1]
    (alleles,) = loss_pictures("heads", [trained("h", {LOSS: course(1, 2)}, step=None)])
    assert "optimizer steps" in alleles and "nats/allele" in alleles and "Training loss of 1 training:" in alleles
    assert loss_pictures("none", [trained()]) == []


@pytest.mark.parametrize(("step", "read"), [(10, [10, 20]), (None, [1, 2])])
def test_the_courses_of_models_run_over_bases_and_those_of_heads_over_steps(step: int | None, read: list[int]) -> None:
    pane = Figure().subplots()
    _draw(pane, runs=[held("one", 1.5, 1.25, step=step)], metric=VALIDATION)
    (line,) = pane.lines
    drawn = [np.asarray(data).tolist() for data in (line.get_xdata(), line.get_ydata())]
    assert drawn == [read, [1.5, 1.25]]


def test_no_more_curves_are_drawn_than_can_be_told_apart() -> None:
    assert MOST == 18, "of six colours and three dashes"
    many = [held(f"run{number}", 1.0) for number in range(MOST + 1)]
    for drawn in loss_pictures("m", many):
        assert f"; lower is better; the first {MOST} of {MOST + 1} trainings." in drawn
        assert f"run{MOST - 1}<" in drawn and f"run{MOST}<" not in drawn
