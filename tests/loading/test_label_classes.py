"""Labels are chosen by name; what belongs to neither class is told, and so is what a person can mend."""

import numpy as np
import pytest

from genolong.errors import InputError
from genolong.loading.label_classes import told, two_classes
from genolong.loading.labelled_alleles import LabelledAlleles, Substitutions, Words


def alleles(*labels: str, unlabelled: int = 0, malformed: int = 0) -> LabelledAlleles:
    known = tuple(dict.fromkeys(labels))
    words = Words(known, np.array([known.index(label) for label in labels], np.int64))
    sites = Substitutions(words, words.numbers, words.numbers.astype(np.uint8), words.numbers.astype(np.uint8))
    return LabelledAlleles(words, words, {"S": np.arange(len(labels), dtype=float)}, sites, unlabelled, malformed)


def test_disrupting_against_neutral_need_not_be_named():
    found = two_classes("x", "L", alleles("neutral", "disrupting", "neutral"), None, None)
    assert (found.positive.tolist(), found.notes) == ([False, True, False], ())
    assert found.title == "L disrupting against neutral"


def test_other_labels_are_left_out_and_told():
    given = alleles("b", "c", "a", "B", "d", "c", unlabelled=1, malformed=2)
    found = two_classes("x", "L", given, ["a", "b"], ["d", "e"])
    assert found.positive.tolist() == [True, True, False]
    assert found.alleles.scores["S"].tolist() == [0, 2, 4]
    assert found.notes == (
        "left out 3 alleles with other labels: c (2), B (1)", "left out 1 allele without L",
        "left out 2 malformed lines", "L is never e",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "positives", "negatives", "message"),
    [
        (("a", "b", "b"), None, None, r"x: L is b \(2\), a \(1\); choose which values to tell apart, as `positive`"),
        (("disrupting", "neutral", "a"), None, None, r"x: L is .*choose which values to tell apart"),
        (("disrupting",), None, None, r"x: L is disrupting \(1\); choose"),
        (("a", "b"), ["A", "c"], ["b"], r"x: no allele is positive: L is never A or c, but a \(1\), b \(1\)"),
        (("a", "b"), ["a"], ["c"], r"x: no allele is negative: L is never c, but a \(1\), b \(1\)"),
    ],
)
def test_labels_that_leave_nothing_to_tell_apart_are_refused(labels, positives, negatives, message):
    with pytest.raises(InputError, match=message):
        two_classes("x", "L", alleles(*labels), positives, negatives)


def test_of_many_labels_the_first_are_told():
    assert told({str(at): 1 for at in range(15)}).endswith("11 (1) and 3 other values")
