"""The perfect reader against brute force over every path of hidden types, and against its own promises."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from genolong.genome.synthetic.perfect_reader import PerfectReader, centred
from tests.builders.synthetic import TINY, WHOLE, synthetic
from tests.oracles import perfect_reader as brute_force


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), shape=st.sampled_from([(2, 11), (3, 7), (4, 6)]), data=st.data())
def test_chances_are_those_of_every_path_of_types(seed, shape, data):
    types, length = shape
    truth, codes = synthetic({"one": length}, seed, **(TINY | {"types": types, "shortest_gap_bp": 0 + 1}))
    reader = PerfectReader.of(truth, "one", codes["one"])
    position = data.draw(st.integers(0, length - 1))
    start = data.draw(st.integers(-2, position))
    end = data.draw(st.integers(position + 1, length + 2))
    found = reader.probabilities(np.array([position]), np.array([start]), np.array([end]))[0]
    wanted = brute_force.probabilities(truth, "one", codes["one"], position, start, end)
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), data=st.data())
def test_letters_beside_N_and_the_ends_are_exact_too(seed, data):
    assembly = WHOLE.__class__(
        unknown_every_bp=10, unknown_longest_bp=2, soft_masked_every_bp=7, soft_masked_longest_bp=2
    )
    truth, codes = synthetic({"one": 11}, seed, assembly, **(TINY | {"types": 2}))
    known = np.flatnonzero(codes["one"] < 4)
    assume(len(known) > 0)
    position = int(data.draw(st.sampled_from(known.tolist())))
    reader = PerfectReader.of(truth, "one", codes["one"])
    found = reader.probabilities(np.array([position]), np.array([0]), np.array([11]))[0]
    np.testing.assert_allclose(found, brute_force.probabilities(truth, "one", codes["one"], position, 0, 11), rtol=1e-9)


@pytest.fixture(scope="module")
def large():
    truth, codes = synthetic({"one": 400_000}, 11)
    return truth, codes["one"], PerfectReader.of(truth, "one", codes["one"])


def test_more_context_never_hurts_and_pays_on_slots(large):
    truth, _, reader = large
    slots = np.flatnonzero(truth.slots("one"))
    losses = np.array([reader.losses(slots, *centred(slots, 128 << power)).mean() for power in range(10)])
    assert (np.diff(losses) < 0.002).all()  # more letters can mislead by chance, not on the mean
    assert losses[3] - losses[8] > 0.15
    assert losses[0] < np.log(4) + 0.01


def test_chances_are_honest(large):
    # of the letters called 30 % to 40 % likely, 30 % to 40 % are there: a chance that is not calibrated is no floor
    truth, codes, reader = large
    slots = np.flatnonzero(truth.slots("one"))
    for context_bp in (512, 32_768):
        chances = reader.probabilities(slots, *centred(slots, context_bp))
        right = codes[slots][:, None] == np.arange(4)
        for low in np.arange(0.1, 0.7, 0.1):
            called = (chances >= low) & (chances < low + 0.1)
            if called.sum() > 300:
                spread = 4 * np.sqrt(0.25 / called.sum())
                assert right[called].mean() == pytest.approx(chances[called].mean(), abs=spread)


def test_only_slots_gain_from_context(large):
    truth, _, reader = large
    others = np.flatnonzero(~truth.slots("one"))[:5_003]
    near, far = (reader.losses(others, *centred(others, context_bp)) for context_bp in (128, 32_768))
    np.testing.assert_array_equal(near, far)


def test_the_letter_asked_for_is_not_looked_at(large):
    truth, codes, reader = large
    slots = np.flatnonzero(truth.slots("one"))[5:18]
    for slot in slots:
        other = codes.copy()
        other[slot] = (codes[slot] + 1) % 4
        asked = (np.array([slot]), np.array([slot - 999]), np.array([slot + 999]))
        changed = PerfectReader.of(truth, "one", other)
        np.testing.assert_array_equal(changed.probabilities(*asked), reader.probabilities(*asked))


def test_a_hidden_slot_does_not_vote(large):
    truth, codes, reader = large
    first, second = np.flatnonzero(truth.slots("one"))[20:22]
    hidden = codes.copy()
    hidden[second] = 5
    asked = (np.array([first]), np.array([first]), np.array([second + 1]))
    told = PerfectReader.of(truth, "one", hidden).type_probabilities(*asked)[0]
    np.testing.assert_allclose(told, 1 / truth.grammar.types)
    assert np.ptp(reader.type_probabilities(*asked)[0]) > 0.05


def test_a_view_is_centred():
    starts, ends = centred(np.array([100, 200]), 64)
    assert starts.tolist() == [68, 168]
    assert ends.tolist() == [132, 232]
