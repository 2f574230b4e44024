"""Masking: a pure function of seed, key and position, with the shares that were asked for, and never of N."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from genolong.errors import SettingsError
from genolong.genome.alphabet import MASK, A, N, T
from genolong.loading.chance import Stream, uniform
from genolong.loading.masking import MaskingSettings, hide

BERT = MaskingSettings(share=0.15, as_mask=0.8, as_random=0.1)
POSITIONS = 200_003

shares = st.floats(0, 1)
settings = st.builds(
    lambda share, as_mask, rest: MaskingSettings(share, as_mask, rest * (1 - as_mask)),
    st.floats(0.01, 0.99), shares, shares,
)  # fmt: skip
codes = arrays.arrays(np.uint8, st.integers(1, 211), elements=st.integers(A, N))
keys = st.integers(0, (1 << 64) - 1)


@given(codes, settings, keys, keys, st.integers(0, 1 << 40))
def test_the_mask_is_a_function_of_seed_key_and_position(
    codes: np.ndarray, settings: MaskingSettings, seed: int, key: int, start: int
) -> None:
    before = codes.copy()
    inputs, hidden = hide(codes, settings, seed, key, start)
    again, hidden_again = hide(codes, settings, seed, key, start)
    assert np.array_equal(inputs, again)
    assert np.array_equal(hidden, hidden_again)
    assert np.array_equal(codes, before), "what was read stays as it was"


@given(codes, settings, keys, keys, st.integers(0, 1 << 40), st.data())
def test_a_slice_is_hidden_like_the_slice_of_the_whole(
    codes: np.ndarray, settings: MaskingSettings, seed: int, key: int, start: int, data: Any
) -> None:
    first = data.draw(st.integers(0, len(codes) - 1))
    last = data.draw(st.integers(first + 1, len(codes)))
    whole = hide(codes, settings, seed, key, start)
    part = hide(codes[first:last], settings, seed, key, start + first)
    assert np.array_equal(part[0], whole[0][first:last])
    assert np.array_equal(part[1], whole[1][first:last])


@given(codes, settings, keys, keys)
def test_unknown_bases_are_left_alone_and_so_is_all_that_is_not_hidden(
    codes: np.ndarray, settings: MaskingSettings, seed: int, key: int
) -> None:
    inputs, hidden = hide(codes, settings, seed, key)
    assert inputs.dtype == np.uint8
    assert not hidden[codes == N].any()
    assert np.array_equal(inputs[~hidden], codes[~hidden])
    assert np.isin(inputs[hidden], [*range(A, T + 1), MASK]).all()


def test_shares_are_those_of_the_settings() -> None:
    codes = np.full(POSITIONS, A, np.uint8)
    inputs, hidden = hide(codes, BERT, seed=3, key=5)
    assert abs(hidden.mean() - 0.15) < 5 * np.sqrt(0.15 * 0.85 / POSITIONS)
    asked = inputs[hidden]
    spread = 5 * np.sqrt(0.25 / len(asked))
    assert abs((asked == MASK).mean() - 0.8) < spread
    for letter in range(A + 1, T + 1):
        assert abs((asked == letter).mean() - 0.1 / 4) < spread
    assert abs((asked == A).mean() - (0.1 + 0.1 / 4)) < spread, "kept, or drawn as it was"


@pytest.mark.parametrize(
    ("as_mask", "as_random", "read"), [(1.0, 0.0, {MASK}), (0.0, 1.0, set(range(A, T + 1))), (0.0, 0.0, {A})]
)
def test_a_share_may_be_all_or_nothing(as_mask: float, as_random: float, read: set[int]) -> None:
    inputs, hidden = hide(np.full(4_001, A, np.uint8), MaskingSettings(0.5, as_mask, as_random), seed=3, key=5)
    assert set(inputs[hidden].tolist()) == read


@pytest.mark.parametrize(
    "other", [{"seed": 4, "key": 5}, {"seed": 3, "key": 6}, {"seed": 3, "key": 5, "start": POSITIONS}]
)
def test_another_seed_key_or_place_hides_other_bases(other: dict[str, int]) -> None:
    codes = np.full(POSITIONS, A, np.uint8)
    hidden, others = hide(codes, BERT, seed=3, key=5)[1], hide(codes, BERT, **other)[1]
    both = (hidden & others).mean()
    assert abs(both - 0.15**2) < 5 * np.sqrt(0.15**2 / POSITIONS), "unrelated: hidden by both as often as chance has it"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"share": 0.0}, r"task\.masking\.share=0\.0: wanted more than 0 and less than 1"),
        ({"share": 1.0}, r"task\.masking\.share=1\.0: wanted more than 0 and less than 1"),
        ({"share": float("nan")}, r"task\.masking\.share=nan: wanted more than 0"),
        ({"as_mask": -0.1}, r"task\.masking\.as_mask=-0\.1: wanted a share from 0 to 1"),
        ({"as_random": 1.5}, r"task\.masking\.as_random=1\.5: wanted a share from 0 to 1"),
        (
            {"as_mask": 0.8, "as_random": 0.3},
            r"as_mask=0\.8 and task\.masking\.as_random=0\.3 add up to more than 1;",
        ),
    ],
)
def test_shares_that_cannot_be_are_refused(changed: dict[str, float], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        MaskingSettings(**{"share": 0.15, "as_mask": 0.8, "as_random": 0.1, **changed})


def test_random_bases_are_each_as_likely() -> None:
    inputs, hidden = hide(np.full(POSITIONS, A, np.uint8), MaskingSettings(0.5, 0.0, 1.0), seed=3, key=5)
    shares = np.bincount(inputs[hidden], minlength=4) / hidden.sum()
    assert np.abs(shares - 0.25).max() < 5 * np.sqrt(0.25 * 0.75 / hidden.sum())


@given(codes, settings, keys, keys, st.integers(0, 1 << 40))
def test_one_number_a_position_decides_as_drawn(codes, settings, seed, key, start) -> None:
    """The drawing in hide's docstring, base by base."""
    inputs, hidden = hide(codes, settings, seed, key, start)
    for at, code in enumerate(codes.tolist()):
        u = uniform(seed, Stream.HIDE, key, start + at) / settings.share
        assert hidden[at] == (u < 1 and code < N)
        if not hidden[at] or u >= settings.as_mask + settings.as_random + 1e-9:
            assert inputs[at] == code
        elif u < settings.as_mask - 1e-9:
            assert inputs[at] == MASK
        elif settings.as_mask + 1e-9 < u < settings.as_mask + settings.as_random - 1e-9:
            place = (u - settings.as_mask) / settings.as_random * 4
            assert inputs[at] in {min(int(place - 1e-6), 3), min(int(place + 1e-6), 3)}


@given(shares)
def test_shares_that_add_up_to_1_but_for_rounding_are_accepted(as_mask: float) -> None:
    MaskingSettings(0.15, as_mask, np.nextafter(1 - as_mask, 0))
    MaskingSettings(0.15, as_mask, min(1.0, 1 - as_mask + 2**-51))
