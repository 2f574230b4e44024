"""Which window is step t, slot j: the same for whoever asks, and in proportion to known bases."""

import pickle
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.errors import InputError
from genolong.genome.coordinates import Interval
from genolong.loading.order import TrainingOrder
from tests.builders.memory_genome import MemoryGenome, random_letters
from tests.oracles.window_chances import window_chances

GENOME = MemoryGenome(
    {
        "chr1": random_letters(103, 1) + "N" * 53 + random_letters(73, 2),
        "chr2": random_letters(101, 3, unknown=0.5),
        "chr3": "N" * 43 + random_letters(41, 4),
    }
)
REGIONS = [Interval("chr1", 11, 229), Interval("chr2", 0, 101), Interval("chr3", 3, 84)]


def order_of(
    genome: MemoryGenome = GENOME,
    regions: list[Interval] = REGIONS,
    window_bp: int = 31,
    min_known: float = 0.3,
    **other: Any,
) -> TrainingOrder:
    return TrainingOrder(genome, regions, window_bp, min_known, **{"reverse_complement": 0.5, "seed": 7, **other})


places = st.tuples(st.integers(0, 1 << 40), st.integers(0, 1 << 20))


@given(st.lists(places, min_size=1, max_size=11), st.integers(0, 1 << 40), st.randoms())
def test_a_window_does_not_depend_on_what_was_asked_before(
    asked: list[tuple[int, int]], seed: int, random: Any
) -> None:
    order = order_of(seed=seed)
    first = {place: order.window(*place) for place in asked}
    elsewhere = pickle.loads(pickle.dumps(order))
    random.shuffle(asked)
    assert {place: elsewhere.window(*place) for place in asked} == first


@given(
    st.lists(st.tuples(st.integers(1, 60), st.sampled_from("ACGTN"), st.booleans()), min_size=1, max_size=9),
    st.integers(1, 29), st.floats(0, 1), places,
)  # fmt: skip
def test_a_window_lies_in_a_region_and_is_never_mostly_unknown(
    runs: list[tuple[int, str, bool]], window_bp: int, min_known: float, place: tuple[int, int]
) -> None:
    genome = MemoryGenome({"chr1": "".join(letter * length for length, letter, _ in runs)})
    ends = np.cumsum([length for length, _, _ in runs])
    regions = [
        Interval("chr1", int(end) - length, int(end))
        for end, (length, _, taken) in zip(ends, runs, strict=True)
        if taken and length >= window_bp
    ] or [Interval("chr1", 0, int(ends[-1]))]
    if regions[0].length < window_bp:
        return
    try:
        order = order_of(genome, regions, window_bp, min_known)
    except InputError:  # nothing but N in every tile
        return
    interval = order.window(*place).interval
    assert interval.length == window_bp
    assert any(region.start <= interval.start and interval.end <= region.end for region in regions)
    assert genome.known(interval) >= max(1, min_known * window_bp - 1e-6)


def test_windows_are_drawn_in_proportion_to_known_bases() -> None:
    order, draws = order_of(), 6_000
    drawn = Counter(order.window(step, slot).interval for step in range(draws // 3) for slot in range(3))
    chances = window_chances(GENOME, REGIONS, 31, 0.3)
    assert set(drawn) <= set(chances)
    expected = np.array([draws * chance for chance in chances.values()])
    found = np.array([drawn[window] for window in chances])
    chi_square = ((found - expected) ** 2 / expected).sum()
    assert abs(chi_square - len(expected)) < 6 * np.sqrt(2 * len(expected))


def test_every_base_away_from_the_ends_is_read_equally_often() -> None:
    """What the chances that the last test compares with mean for the bases: exact, no draw."""
    genome = MemoryGenome({"chr1": random_letters(307, 5), "chr2": random_letters(31, 6)})
    read = {"chr1": np.zeros(307), "chr2": np.zeros(31)}
    regions = [Interval("chr1", 0, 307), Interval("chr2", 0, 31)]
    for window, chance in window_chances(genome, regions, 31, 0).items():
        read[window.contig][window.start : window.end] += chance
    middle = read["chr1"][31:-31]
    assert np.allclose(middle, middle[0])
    assert np.allclose(read["chr2"], middle[0]), "a region of one window: neither more nor less"
    assert (read["chr1"] >= 0.49 * middle[0]).all()
    assert (read["chr1"] <= 1.51 * middle[0]).all()


def test_a_genome_of_almost_nothing_but_unknown_bases_still_gives_windows() -> None:
    genome = MemoryGenome({"chr1": "N" * 31 * 400 + random_letters(31, 1) + "N" * 31 * 400})
    order = order_of(genome, [Interval("chr1", 0, 31 * 801)], min_known=1.0)
    only = Interval("chr1", 31 * 400, 31 * 401)
    assert {order.window(step, 0).interval for step in range(23)} == {only}


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_strand_is_drawn_with_the_share_that_was_asked_for(share: float) -> None:
    order = order_of(reverse_complement=share)
    reverse = np.array([order.window(step, slot).reverse for step in range(500) for slot in (0, 1)])
    assert abs(reverse.mean() - share) <= 5 * np.sqrt(share * (1 - share) / len(reverse))


def test_strand_place_and_key_do_not_hang_together_and_keys_differ() -> None:
    order = order_of()
    windows = [order.window(step, slot) for step in range(500) for slot in range(3)]
    assert len({window.key for window in windows}) == len(windows)
    reverse = np.array([window.reverse for window in windows])
    left = np.array([window.interval.contig == "chr1" and window.interval.start < 70 for window in windows])
    odd = np.array([window.key % 2 == 1 for window in windows])
    for other in (left, odd):
        assert abs(np.corrcoef(reverse, other)[0, 1]) < 5 / np.sqrt(len(windows))


def test_what_is_mostly_unknown_is_counted() -> None:
    genome = MemoryGenome({"chr1": random_letters(310, 1) + "N" * 62 + random_letters(31, 2)})
    regions = [Interval("chr1", 0, 403)]
    assert order_of(genome, regions).notes == (
        "2 of 13 training windows, laid end to end, have fewer than 10 known bases of 31 (data.min_known): "
        "such windows are never drawn",
    )
    assert order_of(MemoryGenome({"chr1": random_letters(310, 1)}), [Interval("chr1", 0, 310)]).notes == ()


def test_regions_of_nothing_but_unknown_bases_are_refused() -> None:
    genome = MemoryGenome({"chr1": "N" * 1_000})
    said = (
        r"no window of 31 bases in the 1,000 training bases has 10 known ones \(A C G T\); "
        r"lower data\.min_known, or use a smaller context"
    )
    with pytest.raises(InputError, match=said):
        order_of(genome, [Interval("chr1", 0, 1_000)])
