"""Means, their standard errors with windows as clusters, and tables."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.report.figures import (
    BITS,
    NATS,
    Bases,
    Figure,
    contexts_table,
    counter_name,
    everything_table,
    readers_in,
    readers_table,
)

WINDOW = np.array([0, 0, 0, 2, 2, 5, 5, 5, 5])
NATS_LOST = np.array([1.0, 2.0, 0.5, 3.0, 1.0, 0.0, 2.0, 2.0, 1.0])
EVEN = np.arange(9) % 2 == 0


def bases(**classes) -> Bases:
    return Bases(WINDOW, classes)


def test_loss_bits_and_accuracy_over_all_bases_and_by_class():
    right = NATS_LOST < 1.5
    figures = bases(even=EVEN, nothing=np.zeros(9, bool)).of_reader("model", NATS_LOST, right)
    values = {figure.name: (figure.value, figure.unit, figure.n) for figure in figures}
    assert values == {
        "model/loss": (pytest.approx(12.5 / 9), "nats/base", 9),
        "model/bits": (pytest.approx(12.5 / 9 / np.log(2)), "bits/base", 9),
        "model/loss_even": (pytest.approx(NATS_LOST[::2].mean()), "nats/base", 5),
        "model/accuracy": (pytest.approx(5 / 9), "share", 9),
        "model/accuracy_even": (pytest.approx(right[::2].mean()), "share", 5),
    }


def test_with_one_base_a_window_the_error_is_the_plain_one():
    values = np.random.default_rng(1).normal(size=101)
    figure = Bases(np.arange(101), {}).mean("x", values, NATS, np.ones(101, bool))
    assert figure.standard_error == pytest.approx(values.std(ddof=1) / np.sqrt(101))


@given(st.integers(0, 1_000))
def test_copies_of_a_base_in_its_window_change_neither_mean_nor_error(seed):
    values = np.random.default_rng(seed).normal(size=13)
    once = Bases(np.arange(13), {}).mean("x", values, NATS, np.ones(13, bool))
    often = Bases(np.repeat(np.arange(13), 7), {}).mean("x", np.repeat(values, 7), NATS, np.ones(91, bool))
    assert often.value == pytest.approx(once.value)
    assert often.standard_error == pytest.approx(once.standard_error)


def test_the_error_is_that_of_drawing_windows():
    chance = np.random.default_rng(2)
    means, errors = [], []
    for _ in range(400):
        counts = chance.integers(1, 9, 40)
        window = np.repeat(np.arange(40), counts)
        values = np.repeat(chance.normal(size=40), counts) + chance.normal(size=counts.sum())
        figure = Bases(window, {}).mean("x", values, NATS, np.ones(len(values), bool))
        means.append(figure.value)
        errors.append(figure.standard_error)
    assert np.mean(errors) == pytest.approx(np.std(means), rel=0.15)


def test_one_window_has_no_error():
    figure = bases().mean("x", NATS_LOST, NATS, WINDOW == 0)
    assert (figure.n, figure.standard_error) == (3, None)


def test_a_figure_as_json_is_flat():
    assert Figure("model/loss", 1.25, NATS, 9, None).as_json() == {
        "name": "model/loss", "value": 1.25, "unit": "nats/base", "n": 9, "standard_error": None,
    }  # fmt: skip


@pytest.mark.parametrize("error", [None, 0.0, 0.125])
def test_a_figure_comes_back_as_it_was_noted(error: float | None):
    figure = Figure("model/loss", 1.25, NATS, 9, error)
    assert Figure.of(figure.as_json()) == figure


@pytest.mark.parametrize("windows", [1, 3])
def test_the_error_of_bits_is_that_of_nats_in_other_units(windows: int):
    chosen = np.isin(WINDOW, np.unique(WINDOW)[:windows])
    loss, bits, *_ = Bases(WINDOW[chosen], {}).of_reader("model", NATS_LOST[chosen], EVEN[chosen])
    if windows == 1:
        assert loss.standard_error is bits.standard_error is None
    else:
        assert bits.standard_error == pytest.approx(loss.standard_error / np.log(2))


def test_the_table_of_everything_has_a_row_for_each():
    figures = [
        Figure("model/loss", 1.23456789, NATS, 1_009, 0.0123),
        Figure("vcf/x/positives", 7.0, "alleles", 9, None),
    ]
    assert everything_table("t", figures).rows == (
        ("model/loss", "1.23457", "0.012", "nats/base", "1,009"), ("vcf/x/positives", "7", "–", "alleles", "9"),
    )  # fmt: skip


def test_the_table_of_readers_leaves_out_what_nobody_has():
    figures = [
        Figure("model/loss", 1.2345, NATS, 9, 0.01), Figure("model/accuracy", 0.5, "share", 9, 0.004),
        Figure("model/bits", 1.781, BITS, 9, None), Figure("model/loss_slots", 1.0, NATS, 2, None),
        Figure("composition/loss", 1.3, NATS, 9, None), Figure("composition/bits", 1.8755, BITS, 9, None),
    ]  # fmt: skip
    table = readers_table("t", figures)
    assert table.columns == ("reader", "nats/base", "bits/base", "accuracy", "slots")
    assert table.rows == (
        ("base composition", "1.300", "1.875", "–", "–"), ("model", "1.234 ±0.010", "1.781", "50.0%", "1.000"),
    )  # fmt: skip


@pytest.mark.parametrize("flank", [0, 1, 2])
def test_readers_are_shown_baselines_first_and_the_best_counter_is_marked(flank: int):
    names = ["windows", "floor/bits", "model/bits", *(f"{counter_name(each)}/bits" for each in range(3))]
    figures = {name: Figure(name, 1.0, BITS, 9, None) for name in [*names, "best_kmer/bits", "model/loss"]}
    figures["best_kmer/flank"] = Figure("best_kmer/flank", float(flank), "bases", 9, None)
    wanted = {"composition": "base composition", "kmer_1+1": "k-mer 1+1", "kmer_2+2": "k-mer 2+2"}
    wanted[counter_name(flank)] += " (best)"
    found = readers_in(figures)
    assert list(found.items()) == [*wanted.items(), ("model", "model"), ("floor", "perfect reader")]
    figures["best_kmer/flank"] = Figure("best_kmer/flank", float("nan"), "bases", 9, None)  # as in an edited file
    assert not any("(best)" in label for label in readers_in(figures).values())


def test_the_table_of_contexts_has_a_row_for_each():
    figures = [Figure(f"context/{context}/loss", context / 1_000, NATS, 9, None) for context in (128, 2_048)]
    table = contexts_table("t", (128, 2_048), figures)
    assert (table.columns, table.rows) == (("context", "model"), (("128", "0.128"), ("2,048", "2.048")))
