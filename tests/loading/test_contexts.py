"""Every context scores the same bases, each once, with so many bases in view."""

from hypothesis import given
from hypothesis import strategies as st

from genolong.genome.coordinates import Interval
from genolong.loading.contexts import doubling_contexts, pieces

LENGTHS = {"one": 1_009, "two": 499}


@st.composite
def windows(draw):
    length = draw(st.integers(1, 400))
    contigs = draw(st.lists(st.sampled_from(list(LENGTHS)), min_size=1, max_size=4))
    starts = [draw(st.integers(0, LENGTHS[contig] - length)) for contig in contigs]
    return [Interval(contig, start, start + length) for contig, start in zip(contigs, starts, strict=True)]


@given(windows(), st.integers(1, 1_500))
def test_every_base_of_every_window_is_scored_once_and_in_order(windows, context):
    scored = [
        (piece.window, position)
        for piece in pieces(windows, context, LENGTHS)
        for position in range(piece.scored.start, piece.scored.end)
    ]
    assert scored == [(number, at) for number, window in enumerate(windows) for at in range(window.start, window.end)]


@given(windows(), st.integers(1, 1_500))
def test_every_view_has_the_context_and_holds_what_is_scored(windows, context):
    for piece in pieces(windows, context, LENGTHS):
        view, scored = piece.view, piece.scored
        assert view.length == context
        assert view.start <= scored.start
        assert scored.end <= view.end
        window, contig_length = windows[piece.window], LENGTHS[view.contig]
        if context <= window.length:
            assert window.start <= view.start
            assert view.end <= window.end
        elif context <= contig_length:
            assert view.start >= 0
            assert view.end <= contig_length


def test_a_window_is_cut_from_its_start_and_the_last_view_reaches_back():
    cut = pieces([Interval("one", 10, 35)], 10, LENGTHS)
    assert [(piece.view.start, piece.scored.start, piece.scored.end) for piece in cut] == [
        (10, 10, 20),
        (20, 20, 30),
        (25, 30, 35),
    ]


def test_a_longer_context_lies_around_the_window_unless_the_contig_ends():
    around = [pieces([Interval("one", start, start + 100)], 300, LENGTHS)[0].view.start for start in (0, 50, 400, 909)]
    assert around == [0, 0, 300, 709]


def test_a_context_longer_than_the_contig_starts_with_it():
    assert pieces([Interval("two", 99, 199)], 600, LENGTHS)[0].view == Interval("two", 0, 600)


def test_contexts_double_up_to_the_window_or_beyond():
    assert doubling_contexts(1_000, 0) == [128, 256, 512, 1_000]
    assert doubling_contexts(1_000, 3_000) == [128, 256, 512, 1_000, 1_024, 2_048, 3_000]
    assert doubling_contexts(1_000, 300) == [128, 256, 300]
    assert doubling_contexts(100, 0) == [100]
