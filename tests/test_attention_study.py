"""The attention study trains arms that differ in their attention alone, and measures what far slots give."""

import argparse
import json
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genolong.genome.alphabet import MASK
from tests.builders.genomes import random_letters, write_fasta
from tests.oracles.fixed_attention import fixed_attention

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "attention_study"
SMALL = [
    "--width", "16", "--layers", "1", "--heads", "2", "--window", "1024", "--tflop", "0.005", "--evaluate-bases",
    "16384", "--contexts", "1024",
]  # fmt: skip


@pytest.fixture
def study(monkeypatch):
    """The script, called as from a command line."""
    spec = spec_from_loader("attention_study", SourceFileLoader("attention_study", str(SCRIPT)))
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)

    def call(*words: object) -> int:
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, words)])
        return module.main()

    return call


@pytest.fixture
def train(study, tmp_path):
    def call(*options: object) -> dict:
        assert study("train", *SMALL, "--json", tmp_path / "x.jsonl", *options) == 0
        return json.loads((tmp_path / "x.jsonl").read_text().splitlines()[-1])

    return call


@given(blocks=st.integers(1, 5), block=st.integers(1, 7), seed=st.integers(0, 9), data=st.data())
def test_the_fixed_pattern_is_dense_attention_to_its_keys(blocks: int, block: int, seed: int, data):
    summaries = data.draw(st.integers(1, block))
    length = blocks * block
    queries, keys, values = torch.randn(
        3, 2, length, 3, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    position = torch.arange(length)
    own = position[:, None] // block == position // block
    counted = own.double()
    if blocks > 1:
        counted += (position % block >= block - summaries).double()
    scores = torch.einsum("bqhc,bkhc->bhqk", queries, keys) / 5**0.5 + counted.log()
    wanted = torch.einsum("bhqk,bkhc->bqhc", scores.softmax(-1), values)
    torch.testing.assert_close(fixed_attention(queries, keys, values, block, summaries), wanted)


def test_a_window_that_blocks_do_not_divide_is_refused():
    rows = torch.zeros(1, 11, 1, 2)
    with pytest.raises(ValueError, match="a window of 11 positions does not divide into blocks of 5"):
        fixed_attention(rows, rows, rows, 5, 2)


def test_arms_begin_alike_where_their_patterns_are_the_same_attention(train):
    """In windows of one segment or block, which every pattern attends to whole."""
    window = ["--window", "256", "--tflop", "0.002"]
    found = [train("--name", pattern, "--pattern", pattern, *window) for pattern in
             ("dilated", "dense", "fixed")]  # fmt: skip
    assert len({each["mflop_a_base"] for each in found}) == len({each["parameters"] for each in found}) == 1
    for other in found[1:]:
        torch.testing.assert_close(other["curve"], found[0]["curve"], atol=2e-3, rtol=0)


def test_a_window_costs_as_much_where_as_many_pairs_are_scored(train):
    fixed = train("--name", "a", "--pattern", "fixed", "--block", "64", "--summaries", "4")
    dense = train("--name", "b", "--pattern", "dense", "--window", "128")
    assert fixed["mflop_a_base"] == dense["mflop_a_base"]


def test_branches_may_be_listed(train):
    listed = train("--name", "a", "--segments", "64", "256", "1024", "--dilations", "1", "4", "32")
    assert listed["branches"] == [[64, 1], [256, 4], [1024, 32]] and listed["pairs"] == 64 + 256 / 16 + 1


def test_arms_go_on_from_saved_weights_and_make_a_table_and_a_picture(study, train, tmp_path, capsys):
    train("--name", "first", "--save", tmp_path / "w.pt")
    found = train("--name", "second", "--start", tmp_path / "w.pt", "--seed", "2")
    assert found["bases"] == found["steps"] * 8192 and found["seconds"] > 0
    (row,) = found["rows"]
    assert row["context"] == 1024 and row["nats"] == pytest.approx(row["floor"] + row["above"], abs=1e-4)
    capsys.readouterr()
    study("table", tmp_path / "x.jsonl", "--png", tmp_path / "x.png")
    shown = capsys.readouterr().out
    assert "| first |" in shown and "| second |" in shown
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_seeds_of_one_name_share_an_entry_of_the_picture(train, study, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(sys.modules["attention_study"], "save", lambda figure, path: drawn.append(figure))
    for seed in (1, 2):
        train("--name", "dilated", "--seed", seed, "--shown-every", "80")
    train("--name", "dense", "--pattern", "dense")
    study("table", tmp_path / "x.jsonl", "--png", tmp_path / "x.png")
    (figure,) = drawn
    left, right = figure.axes
    assert left.get_legend_handles_labels()[1] == ["perfect reader of as much", "dilated", "dense"]
    assert (
        len(right.lines) == 3 and right.lines[0].get_color() == right.lines[1].get_color() != right.lines[2].get_color()
    )


def test_windows_are_as_long_as_their_stretches_allow(train):
    found = train(
        "--name", "a", "--window", "16384", "--stretch", "16384", "--step-bases", "16384", "--contexts", "16384"
    )
    assert found["rows"][0]["context"] == 16384 and found["bases"] == found["steps"] * 16384


def test_each_stretch_hides_its_own_share_of_slots_between_two(study):
    script = sys.modules["attention_study"]
    codes, slots = np.random.default_rng(1).integers(0, 4, 4096).astype(np.uint8), np.arange(4096) % 2 == 0
    common = {"share": 0.15, "slot_weight": 3.0, "seed": 1}

    def hidden(*shares: float) -> list[float]:
        options = argparse.Namespace(**common, slot_share=list(shares))
        read = [script.masked(script.Stretch(codes, slots, key), options) for key in range(97)]
        assert all(((inputs == MASK) == (weights > 0)).all() for inputs, weights in read)
        return [float((inputs[slots] == MASK).mean()) for inputs, _ in read]

    assert hidden(0.9) == pytest.approx([0.9] * 97, abs=0.03)
    found = hidden(0.5, 0.96)
    assert 0.44 < min(found) < 0.6 and 0.93 < max(found) < 0.98
    shown = 1 - np.array(found)
    assert np.median(shown) == pytest.approx((0.5 * 0.04) ** 0.5, rel=0.3), "as often more than the geometric mean"


def test_fewer_slots_shown_tell_a_perfect_reader_less(study, capsys):
    found = []
    for every in (20, 80):
        assert study("floor", "--contexts", "2048", "--evaluate-bases", "65536", "--shown-every", every) == 0
        found.append(float(capsys.readouterr().out.split("\t")[1]))
    assert found[0] < found[1] - 0.1


def test_what_a_base_costs_is_timed_in_windows_of_each_length(study, capsys):
    small = ["--width", "16", "--layers", "1", "--heads", "2", "--bases", "1024"]
    assert study("time", *small, "--windows", "256", "1024", "--patterns", "dilated", "dense", "fixed") == 0
    head, _, short, long = capsys.readouterr().out.splitlines()
    assert head == "| window | dilated: MFLOP | µs | dense: MFLOP | µs | fixed: MFLOP | µs |"
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in (short, long)]
    assert [row[0] for row in cells] == ["256", "1,024"] and all(float(cell) > 0 for row in cells for cell in row[1::2])
    assert cells[0][1] == cells[0][3] == cells[0][5], "a window of one segment or block costs as much in all patterns"
    assert float(cells[1][1]) < float(cells[1][3]), "dense attention scores more pairs in a longer one"


def test_an_arm_on_a_fasta_is_read_on_the_contig_held_out(train, study, tmp_path, capsys):
    fasta = write_fasta(tmp_path, {"one": random_letters(20_011, 1), "two": random_letters(17_011, 2)})
    on = ["--fasta", fasta, "--window", "256", "--tflop", "0.002"]
    (row,) = train("--name", "first", *on, "--held-out", "two")["rows"]
    assert row["nats"] == pytest.approx(1.386, abs=0.03) and len(row["windows"]) == 2
    train("--name", "second", *on, "--held-out", "two")
    capsys.readouterr()
    study("table", tmp_path / "x.jsonl", "--png", tmp_path / "x.png")
    assert "(+0.0000 ± 0.0000)" in capsys.readouterr().out, "the same arm again is above the first by nothing"
    assert study("train", "--name", "x", *SMALL, "--json", tmp_path / "y", *on, "--held-out", "three") == 65
    assert capsys.readouterr().err == f"--held-out=three: {fasta} has one, two; name one of them\n"


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--window", "300"], 64, "--window=300: wanted a length that divides 8192"),
        (["--contexts", "3"], 64, "--contexts=3: wanted a length that divides 8192"),
        (["--step-bases", "1000"], 64, "--step-bases=1000: wanted a multiple of --window=1024"),
        (["--stretch", "0"], 64, "--stretch=0: wanted 1 to 2097152 bases"),
        (["--stretch", "16384", "--window", "3"], 64, "--window=3: wanted a length that divides 16384"),
        (["--shown-every", "1"], 64, "--shown-every=1: wanted 2 or more, or no slot is left to ask for"),
        (
            ["--slot-share", "0.9", "0.5"],
            64,
            "--slot-share 0.9 0.5: wanted one share above 0 and below 1, or two, the greater one last",
        ),
        (["--evaluate-bases", "1000"], 64, "--evaluate-bases=1000: wanted a multiple of 8192"),
        (
            ["--segments", "64", "1024", "--dilations", "1"],
            64,
            "model.segments has 2 entries and model.dilations has 1; give as many of each, or null for both",
        ),
        (["--start", "no.pt"], 66, "--start=no.pt: no such file; `train --save` writes it"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(study, tmp_path, capsys, options: list[str], code: int, told: str):
    assert study("train", "--name", "x", *SMALL, "--json", tmp_path / "x", *options) == code
    assert capsys.readouterr().err == told + "\n" and not (tmp_path / "x").exists()
