"""INFO is edited alike, however it streams by."""

from hypothesis import given
from hypothesis import strategies as st

from genolong.genome.vcf_info import edited, extended, field_values, held_keys, without
from tests.oracles.vcf import edit_info

KEYS = (b"GL", b"GL2", b"L", b"LONGER_KEY")
FIELDS = st.sampled_from([b"", b".", b"GL", b"GL=1", b"GL2=x", b"L=", b"LG=GL", b"A=GL=1", b"LONGER_KEY=9", b" GL=1"])
INFOS = st.lists(FIELDS, max_size=6).map(b";".join) | st.text("GL2;=.", max_size=12).map(str.encode)
REMOVED = st.sets(st.sampled_from(KEYS))


def cut(info: bytes, size: int) -> list[bytes]:
    return [info[at : at + size] for at in range(0, len(info), size)]


@given(INFOS, st.sampled_from([b"", b"GL=2", b"GL;L=3"]), REMOVED, st.integers(1, 9))
def test_edited_is_the_plain_way_in_pieces(info: bytes, additions: bytes, removed: set[bytes], size: int):
    assert b"".join(edited(cut(info, size), additions, removed)) == edit_info(info, additions, removed)
    if not removed:
        assert extended(info, additions) == edit_info(info, additions, ())


@given(INFOS, REMOVED, st.integers(1, 9))
def test_held_keys(info: bytes, keys: set[bytes], size: int):
    fields = {field.split(b"=")[0] for field in info.split(b";")}
    assert held_keys(cut(info, size) or [b""], keys) == fields & keys


@given(INFOS, st.integers(1, 9))
def test_what_was_added_can_be_removed_again(info: bytes, size: int):
    added = b"".join(edited(cut(info, size), b"NEW=1,2;NEW_FLAG"))
    left = b"".join(edited(cut(added, size), b"", (b"NEW", b"NEW_FLAG")))
    assert left == (info.removesuffix(b";") or b".")


def test_examples():
    assert extended(b".", b"A=1") == extended(b"", b"A=1") == b"A=1"
    assert extended(b"B", b"A=1") == b"B;A=1"
    assert extended(b"B;", b"A=1") == b"B;A=1"
    assert b"".join(edited([b"GL=1;B;GL2=3"], b"GL=4", {b"GL"})) == b"B;GL2=3;GL=4"
    assert b"".join(edited([b"GL=1"], b"", {b"GL"})) == b"."
    assert b"".join(edited([b"B;", b""], b"A=1")) == b"B;A=1"


def test_a_value_of_any_length_streams():
    pieces = (b"v" * 1000 for _ in range(50))
    seen = [len(piece) for piece in without((piece for part in ([b"GL="], pieces) for piece in part), {b"X"})]
    assert len(seen) == 51 and max(seen) == 1000


def test_field_values_are_as_written_and_the_first_of_a_repeated_key_counts():
    info = b"A=1,2;FLAG;B=x=y;C=.;D=;A=3;EE=4;B"
    found = field_values(info, {b"A", b"B", b"C", b"D", b"E", b"FLAG"})
    assert found == {b"A": b"1,2", b"B": b"x=y"}
