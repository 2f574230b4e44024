"""The truth as a BED: written, read back, and refused where a row says something else."""

import gzip
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genolong.errors import InputError, MissingInputError
from genolong.genome.synthetic.truth import Truth
from tests.builders.synthetic import TINY, synthetic

LENGTHS = {"one": 997, "two": 211, "three": 1}
FEW: dict[str, Any] = TINY | {"domain_bp": 97}


def write(folder, truth, lines=None):
    bed, rules = folder / "truth.bed.gz", folder / "floor.json"
    lengths = {name: contig.length for name, contig in truth.contigs.items()}
    rules.write_text(json.dumps({"rules": truth.grammar.as_json(), "contigs": lengths}))
    lines = [line for name in truth.contigs for line in truth.bed_lines(name)] if lines is None else lines
    with gzip.open(bed, "wt") as file:
        file.writelines(lines)
    return bed, rules


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_what_is_written_is_read_back(tmp_path_factory, seed):
    truth, _ = synthetic(LENGTHS, seed, **FEW)
    again = Truth.read(*write(tmp_path_factory.mktemp("truth"), truth))
    assert list(again.contigs) == list(LENGTHS)
    for name, contig in truth.contigs.items():
        for column in ("starts", "motifs", "strands", "domain_starts", "domain_types"):
            np.testing.assert_array_equal(getattr(again.contigs[name], column), getattr(contig, column))
        np.testing.assert_array_equal(again.contigs[name].types(), contig.types())
        np.testing.assert_array_equal(again.planted(name), truth.planted(name))
        np.testing.assert_array_equal(again.slots(name), truth.slots(name))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_rows_are_sorted_and_say_base_by_base_what_the_arrays_say(seed):
    truth, _ = synthetic(LENGTHS, seed, **FEW)
    for name, contig in truth.contigs.items():
        rows = [line.rstrip("\n").split("\t") for line in truth.bed_lines(name)]
        assert all(len(row) == 8 and row[0] == name for row in rows)
        assert [int(row[1]) for row in rows] == sorted(int(row[1]) for row in rows)
        seen = {kind: np.zeros(contig.length, int) for kind in ("motif", "slot", "domain")}
        for _, start, end, motif, _, _, kind, type_name in rows:
            seen[kind][int(start) : int(end)] += 1
            if kind == "slot":
                assert type_name == f"type{contig.types()[int(start)] + 1}"
                assert motif == truth.motif_at(name, int(start))
        np.testing.assert_array_equal(seen["motif"], truth.planted(name))
        np.testing.assert_array_equal(seen["slot"], truth.slots(name))
        np.testing.assert_array_equal(seen["domain"], 1)
        named = [truth.motif_at(name, at) is not None for at in range(contig.length)]
        np.testing.assert_array_equal(named, truth.planted(name))


@pytest.fixture
def truth():
    return synthetic(LENGTHS, 1, **TINY)[0]


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("one\t1\t9\tmotif01\t0\t+\tmotif\n", "not enough values"),
        ("nine\t1\t9\tmotif01\t0\t+\tmotif\t.\n", "nine"),
        ("one\t1\t9\tmotif99\t0\t+\tmotif\t.\n", "motif99"),
        ("one\tx\t9\tmotif01\t0\t+\tmotif\t.\n", "'x'"),
        ("one\t1\t9\tmotif01\t0\t?\tmotif\t.\n", "substring"),
        ("one\t1\t9\tmotif01\t0\t+\tgene\t.\n", "gene"),
        ("one\t1\t9\tdomain\t0\t.\tdomain\ttypeX\n", "'X'"),
    ],
)
def test_a_row_of_something_else_is_refused_with_its_line(tmp_path, truth, row, found):
    bed, rules = write(tmp_path, truth, ["one\t0\t997\tdomain\t0\t.\tdomain\ttype1\n", row])
    with pytest.raises(InputError, match=rf"truth.bed.gz, line 2: not a row .*{found}.*wanted contig start end"):
        Truth.read(bed, rules)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"rules": {}, "contigs": {}}', '{"rules": 3}'])
def test_rules_of_something_else_are_refused(tmp_path, truth, text):
    bed, rules = write(tmp_path, truth)
    rules.write_text(text)
    with pytest.raises(InputError, match=r"floor.json: not the rules of a synthetic genome .*make_demo_genome"):
        Truth.read(bed, rules)


@pytest.mark.parametrize("missing", ["truth.bed.gz", "floor.json"])
def test_a_missing_file_is_named(tmp_path, truth, missing):
    bed, rules = write(tmp_path, truth)
    (tmp_path / missing).unlink()
    with pytest.raises(MissingInputError, match=rf"{missing}: no such file"):
        Truth.read(bed, rules)


def test_a_truth_that_is_no_gzip_is_refused(tmp_path, truth):
    bed, rules = write(tmp_path, truth)
    bed.write_text("one\t0\t997\n")
    with pytest.raises(InputError, match=r"truth.bed.gz: .*wanted the bgzip file"):
        Truth.read(bed, rules)
