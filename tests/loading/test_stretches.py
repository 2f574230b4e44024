"""Stretches of contigs and the windows that fit into them, against counting base by base."""

from hypothesis import given
from hypothesis import strategies as st

from genolong.genome.coordinates import Interval
from genolong.loading.stretches import count_bases, least_known, tail, usable_tiles, widen
from tests.builders.memory_genome import MemoryGenome

LENGTH = 47
stretches = st.builds(
    lambda start, length: Interval("chr1", start, min(start + length, LENGTH)),
    st.integers(0, LENGTH - 1), st.integers(1, 13),
)  # fmt: skip


@given(stretches, st.integers(1, LENGTH))
def test_a_widened_stretch_holds_the_old_one_and_stays_in_its_contig(stretch: Interval, window_bp: int) -> None:
    wide = widen(stretch, LENGTH, window_bp)
    assert wide.length == max(stretch.length, window_bp)
    assert 0 <= wide.start <= stretch.start
    assert stretch.end <= wide.end <= LENGTH


@given(st.integers(20, 25), st.integers(1, 5))
def test_away_from_the_ends_a_stretch_grows_equally_on_both_sides(start: int, length: int) -> None:
    stretch = Interval("chr1", start, start + length)
    wide = widen(stretch, LENGTH, 19)
    assert 0 <= (wide.end - stretch.end) - (stretch.start - wide.start) <= 1


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 23)), min_size=1, max_size=7),
    st.integers(1, 11),
    st.floats(0.01, 0.99),
)
def test_a_tail_is_the_share_less_what_fills_no_window(
    lengths: list[tuple[int, int]], window_bp: int, share: float
) -> None:
    listed, end = [], 0
    for gap, more in lengths:
        listed.append(Interval("chr1", end + gap, end + gap + window_bp + more))
        end = listed[-1].end
    taken = list(tail(listed, share, window_bp))
    wanted = int(count_bases(listed) * share)
    assert wanted - window_bp < count_bases(taken) <= wanted
    assert all(piece.length >= window_bp for piece in taken)
    for piece, stretch in zip(taken, reversed(listed), strict=False):
        assert piece.end == stretch.end, "the last bases of the last stretches"
        assert piece.start == stretch.start or piece == taken[-1]


@given(
    st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=15),
    st.integers(0, 20), st.integers(1, 19), st.floats(0, 1),
)  # fmt: skip
def test_usable_tiles_are_those_that_hold_enough(
    runs: list[tuple[int, bool]], start: int, window_bp: int, min_known: float
) -> None:
    letters = "A" + "".join(("N" if unknown else "C") * length for length, unknown in runs)
    genome = MemoryGenome({"chr1": letters})
    stretch = Interval("chr1", min(start, len(letters) - 1), len(letters))
    least = least_known(min_known, window_bp)
    known = [letter != "N" for letter in letters]
    firsts = range(stretch.start, stretch.end - window_bp + 1, window_bp)
    expected = [first for first in firsts if sum(known[first : first + window_bp]) >= least]
    assert usable_tiles(genome, stretch, window_bp, least).tolist() == expected


@given(st.integers(0, 1_000), st.integers(1, 1_000))
def test_enough_is_the_share_and_one_at_least(thousandths: int, window_bp: int) -> None:
    assert least_known(thousandths / 1_000, window_bp) == max(1, -(-thousandths * window_bp // 1_000))
