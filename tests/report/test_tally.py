"""Alleles are counted by status, the scored ones first, each with its first example."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.genome.alleles import SCORED, Status
from genolong.report.tally import ABOUT, Tally


def test_lines_by_hand():
    tally = Tally(records=4)
    for status, example in (
        (Status.SYMBOLIC, "line 9"), (Status.STAR, "line 10"), (Status.STAR, "line 11"), (Status.EDGE, "y" * 60),
        (Status.NO_ALT, "x" * 61),
    ):  # fmt: skip
        tally.add(status, example)
    assert tally.lines() == [
        "read 4 records with 5 alleles; scored 1",
        f"  edge                1  first: {'y' * 60}",
        "  star                2  first: line 10",
        f"  no_alt              1  first: {'x' * 57}...",
        "  symbolic            1  first: line 9",
    ]


def test_nothing_is_a_line_too():
    assert Tally().lines() == ["read 0 records with 0 alleles; scored 0"]
    assert not any(Tally().as_json().values())


@given(st.lists(st.tuples(st.sampled_from(Status), st.text(max_size=2 * ABOUT))), st.integers(0, 40))
def test_a_tally_goes_on_where_it_was_noted(added: list[tuple[Status, str]], at: int):
    whole, tally = Tally(checked=3, mismatched=1), Tally(checked=3, mismatched=1)
    for status, example in added:
        whole.add(status, example)
    for status, example in added[:at]:
        tally.add(status, example)
    tally = Tally.of(json.loads(json.dumps(tally.as_json())))
    for status, example in added[at:]:
        tally.add(status, example)
    assert tally == whole and tally.lines() == whole.lines()
    assert whole.alleles == len(added) == sum(whole.counts.values())
    assert whole.scored == sum(status in SCORED for status, _ in added)
    assert all(len(example) <= ABOUT for example in whole.examples.values())


@pytest.mark.parametrize(
    ("known", "shown"),
    [
        (["chr1"], "chr1"), (["1", "2", "3", "4"], "1, 2, 3, 4"), (["1", "2", "3", "4", "5"], "1, 2, 3, 4 and 1 other"),
        ([str(at) for at in range(1, 30)], "1, 2, 3, 4 and 25 others"),
    ],
)  # fmt: skip
def test_contigs_that_the_genome_lacks_are_told_beside_those_that_it_has(known: list[str], shown: str):
    tally = Tally()
    tally.add(Status.OK, "x")
    assert tally.lost_contigs(known) == ()
    tally.add(Status.NO_CONTIG, "x")
    told = f"no_contig: the genome has {shown}; a file can say which names mean the same contig "
    assert tally.lost_contigs(known) == (f"{told}(synonyms=FILE)",)
