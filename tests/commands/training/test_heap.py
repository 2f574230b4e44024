"""A training keeps what it frees if it keeps all activations and leaves at least half of the memory to others."""

from dataclasses import replace

import pytest

from genolong.commands.training import memory_check
from genolong.commands.training.heap import prepare_heap, wasted
from genolong.model.costs.gaps import gaps
from genolong.model.costs.memory import memory
from tests.builders.c_library import watch_heap
from tests.builders.steps import step

TAKEN = step({"layers": 3}, window_bp=4099)
NEEDED = 2 * (memory(TAKEN).peak + gaps(TAKEN, kept=True))
RECOMPUTED = step({"layers": 3}, window_bp=4099, checkpoint_blocks=1)


@pytest.mark.parametrize(
    ("taken", "room", "processes", "does"),
    [
        (TAKEN, NEEDED, 1, "keep"),
        (TAKEN, NEEDED - 2, 1, "return"),
        (TAKEN, 3 * NEEDED, 3, "keep"),
        (TAKEN, 3 * NEEDED, 4, "return"),  # which share the machine's memory
        (RECOMPUTED, 1000 * NEEDED, 1, "return"),
        (replace(TAKEN, fused=True), 1000 * NEEDED, 1, "return"),  # on a GPU
    ],
)
def test_it_keeps_what_it_frees_only_where_there_is_room(taken, room, processes, does, monkeypatch):
    told = watch_heap(monkeypatch)
    monkeypatch.setattr(memory_check, "memory_there", lambda cuda: room)
    prepare_heap(taken, processes)
    assert told == [does]


def test_what_is_wasted_is_that_of_the_heap_which_it_will_have():
    large = step({"layers": 3}, window_bp=1 << 19)
    needed = 2 * (memory(large).peak + gaps(large, kept=True))
    assert wasted(large, needed) == gaps(large, kept=True) > gaps(large, kept=False) == wasted(large, needed - 2)
