"""The way a training went, leg by leg, from its record: what was another in each, and where each ended."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.commands.training.legs import End, Leg, causes, legs, went_on
from genolong.errors import InputError

PLACE = Path("run/record.json")
MACHINE = {"gpu": None, "threads": 1, "vectors": "AVX512", "processor": "x86_64", "system": "Linux"}


def record(steps: int, *resumed: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """That of a training that finished with these settings of the trainer."""
    return {
        "status": "finished", "steps": steps, "settings": {"seed": 1, "trainer": {"max_steps": steps, **settings}},
        "versions": {}, "machine": MACHINE, "code": None, "attention": "cpp", "resumed": [*resumed],
    }  # fmt: skip


def entry(step: int, *, finished: bool = False, **then: Any) -> dict[str, Any]:
    return {"step": step, "finished": finished, "then": {f"trainer.{key}": value for key, value in then.items()}}


def test_a_training_that_was_never_interrupted_is_one_leg():
    assert legs(record(7), PLACE) == [Leg({}, End(7))]


def test_one_that_was_interrupted_alone_is_one_leg_too():
    assert legs(record(11, entry(3), entry(5), entry(5)), PLACE) == [Leg({}, End(11))]


def test_a_lengthened_one_ends_first_where_it_ended():
    gone = record(11, entry(3), entry(7, finished=True, max_steps=7))
    assert legs(gone, PLACE) == [Leg({"trainer.max_steps": 7}, End(7)), Leg({}, End(11))]


def test_settings_that_changed_twice_are_those_of_their_leg():
    gone = record(23, entry(5, max_steps=7), entry(13, max_steps=11, devices=2))
    first, second, last = legs(gone, PLACE)
    assert first == Leg({"trainer.max_steps": 7, "trainer.devices": 2}, End(5, validated=False))
    assert second == Leg({"trainer.max_steps": 11, "trainer.devices": 2}, End(13, validated=False))
    assert last == Leg({}, End(23))


def test_what_the_clock_ended_is_a_leg_though_nothing_changed():
    """It was validated there, where one that goes through validates nothing."""
    assert legs(record(11, entry(5, finished=True)), PLACE) == [Leg({}, End(5)), Leg({}, End(11))]


def test_parts_of_which_nothing_is_left_are_left_out():
    before_a_checkpoint = record(11, entry(0, devices=2), entry(3, devices=1, max_steps=7), entry(3, max_steps=9))
    damaged = record(11, entry(7, max_steps=7), entry(5, max_steps=9))  # the newest checkpoint was of step 7
    no_step = record(7, entry(7, validate_every=3))
    assert legs(before_a_checkpoint, PLACE) == [
        Leg({"trainer.devices": 1, "trainer.max_steps": 7}, End(3, validated=False)), Leg({}, End(11))
    ]  # fmt: skip
    assert legs(damaged, PLACE) == [Leg({"trainer.max_steps": 7}, End(5, validated=False)), Leg({}, End(11))]
    assert legs(no_step, PLACE) == [Leg({"trainer.validate_every": 3}, End(7))]


@given(st.data())
def test_every_step_is_done_with_the_settings_that_last_did_it(data: st.DataObject):
    """Beside a list of who did which step, which a training that goes on from an earlier one cuts off."""
    did: list[int] = []
    resumed: list[dict[str, Any]] = []
    for value in range(data.draw(st.integers(1, 5))):
        if value:
            step = data.draw(st.integers(0, len(did)))
            resumed.append(entry(step, validate_every=value - 1))
            did = did[:step]
        did += [value] * data.draw(st.integers(0, 4))
    value = len(resumed)
    did += [value]
    way = legs(record(len(did), *resumed, validate_every=value), PLACE)
    found, start = [], 0
    for leg in way:
        found += [leg.other.get("trainer.validate_every", value)] * (leg.end.step - start)
        start = leg.end.step
    assert found == did


def test_what_goes_on_notes_what_was_another():
    before = {**record(7, validate_every=5), "machine": {**MACHINE, "threads": 2}}
    now = record(11, validate_every=5)
    assert went_on(before, now, 7, Path("step-7.ckpt")) == {
        "step": 7, "from": "step-7.ckpt", "finished": True, "then": {"trainer.max_steps": 7},
        "another": ["threads (OMP_NUM_THREADS): 2 then, 1 now"],
    }  # fmt: skip


def test_what_a_checkpoint_says_alone_is_enough():
    now = record(11)
    assert went_on({"settings": record(7)["settings"]}, now, 3, None)["then"] == {"trainer.max_steps": 7}


def test_attention_by_pytorchs_kernels_was_so_whoever_chose_them():
    before, now = record(7, attention="auto"), record(7, attention="auto")
    noted = went_on({**before, "attention": "aten"}, now, 3, None)
    assert noted["then"] == {"trainer.attention": "aten"} and noted["another"] == ["attention: aten then, cpp now"]
    (first, last) = (leg.of({**now, "resumed": []}) for leg in legs({**now, "resumed": [noted]}, PLACE))
    assert (first["attention"], first["settings"]["trainer"]["attention"]) == ("aten", "aten")
    assert (last["attention"], last["settings"]["trainer"]["attention"]) == ("cpp", "auto")


def test_causes_are_named_and_so_is_what_nobody_noted():
    noted = {**entry(3), "another": ["torch: 2 then, 3 now"]}
    assert [*causes({"resumed": [noted, {"step": 5}]})] == [
        "when it resumed after step 3: torch: 2 then, 3 now",
        "when it resumed after step 5: an earlier version did not record what was different until then",
    ]


@pytest.mark.parametrize(
    "resumed", [3, [3], [{}], [{"step": "x"}], [{"step": 1, "then": 3}], [{"step": 1, "then": {"seed": 3}}],
                [{"step": 1, "another": "x"}], [{"step": 1, "another": [3]}]],
)  # fmt: skip
def test_what_no_training_wrote_is_refused(resumed: Any):
    with pytest.raises(
        InputError, match=r"run/record\.json: does not say how its training went \(.*\); wanted the record"
    ):
        legs({**record(7), "resumed": resumed}, PLACE)
