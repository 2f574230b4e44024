"""Gaps in the heap: measured where a process keeps what it frees, and counted only in tensors that lie there."""

import platform

import pytest

from genolong.model.costs.gaps import gaps
from genolong.model.costs.memory import memory
from tests.builders.resident_step import grown
from tests.builders.steps import step

WIDE = {"width": 96, "heads": 2, "mlp_ratio": 4.0, "segment": 256, "growth": 4, "dilation_growth": 2}
MIB = 1 << 20


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or tuple(map(int, platform.libc_ver()[1].split("."))) >= (2, 38),
    reason="a C library whose heap has no such gaps",
)
@pytest.mark.parametrize(
    ("layers", "window_bp"),
    [(4, 8192), *(pytest.param(*case, marks=pytest.mark.nightly) for case in ((2, 16384), (4, 32768), (8, 8192)))],
)
def test_a_process_that_keeps_what_it_frees_grows_by_its_gaps_too(layers, window_bp):
    taken = step({**WIDE, "layers": layers}, window_bp=window_bp, batch=1)
    found = memory(taken)
    counted, measured = found.peak - found.weights + gaps(taken, kept=True), grown(taken, keeps=True)
    assert counted == pytest.approx(measured, rel=0.2)
    assert found.peak - found.weights < 0.9 * measured


def test_only_tensors_that_lie_in_the_heap_leave_gaps():
    def wasted(window_bp, *, kept, **changes):
        return gaps(step({**WIDE, "layers": 4}, window_bp=window_bp, batch=1, **changes), kept=kept)

    states = 96 * 4  # bytes per base; the inner layer has four times as many
    for kept, largest in ((False, 32 * MIB), (True, 128 * MIB)):
        inner, all_of_it = largest // (4 * states), largest // states
        assert wasted(inner + 1, kept=kept) < 0.6 * wasted(inner - 1, kept=kept)
        assert wasted(all_of_it + 1, kept=kept) == 0 < wasted(all_of_it - 1, kept=kept)
        assert wasted(2 * 997, kept=kept) == pytest.approx(2 * wasted(997, kept=kept), abs=2)
    assert wasted(997, kept=True, fused=True) == 0, "on a GPU"


def test_blocks_in_little_memory_leave_gaps_of_states_and_of_one_stretch():
    def wasted(window_bp, batch):
        taken = step({**WIDE, "layers": 4}, window_bp=window_bp, batch=batch, checkpoint_blocks=1)
        return gaps(taken, kept=False) / 1.3, taken

    state, inner = 96 * 4, 4 * 96 * 4  # bytes per base
    of_stretch = 4 * state + 4 + 4 * inner  # two states, two rows, a norm; kept and made in the MLP
    found, _ = wasted(97, batch=3)
    assert found == pytest.approx(3 * 97 * (7 * state + of_stretch), abs=1)
    for window_bp, in_heap in ((32 * MIB // state, 7 * state), (32 * MIB // state + 1, 0)):
        found, taken = wasted(window_bp, batch=1)
        assert taken.stretch < window_bp
        assert found == pytest.approx(window_bp * in_heap + taken.stretch * of_stretch, abs=1)


def test_every_block_that_keeps_its_activations_leaves_gaps():
    def wasted(layers, **changes):
        return gaps(step({**WIDE, "layers": layers}, window_bp=997, batch=1, **changes), kept=True)

    assert wasted(11) - wasted(7) == pytest.approx(4 * (wasted(8) - wasted(7)), rel=1e-6)
    assert wasted(8) > wasted(7)
    for changes in ({"half": True}, {"checkpoint_blocks": 1}, {"checkpoint_blocks": 3}):
        assert 0 < wasted(11, **changes) == wasted(7, **changes)


def test_batches_count_like_longer_windows():
    one, three = (gaps(step(WIDE, window_bp=997, batch=count), kept=True) for count in (1, 3))
    assert three == pytest.approx(3 * one, abs=2)
