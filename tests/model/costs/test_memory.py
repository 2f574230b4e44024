"""Memory that is counted is memory that is handed out, to a few hundredths."""

import sys

import pytest

from genolong.model import lean_block, recompute
from genolong.model.attention import blocks
from genolong.model.attention.native_attention import why_not
from genolong.model.costs.memory import memory as counted
from genolong.model.costs.step import Step, weights
from tests.builders.resident_step import grown
from tests.builders.steps import model, step, take
from tests.oracles.live_memory import most_bytes

WIDE = {"width": 32, "heads": 4, "layers": 4, "mlp_ratio": 4.0, "segment": 16, "growth": 4}


def handed_out(taken: Step) -> int:
    trained = model(taken)
    return most_bytes(lambda: take(taken, trained))


PLAIN = [(False, {}), (False, {"dropout": 0.1})]
CHANGED = [
    (False, {"kernel": 0}), (False, {"mlp": "swiglu"}), (False, {"layers": 5, "heads": 2}), (False, {"heads": 8}),
    (False, {"mlp_ratio": 1.0}), (True, {}), (True, {"mlp_ratio": 8.0}),
]  # fmt: skip


@pytest.mark.parametrize("checkpoint_blocks", [0, 1, 2, 3])
@pytest.mark.parametrize(
    ("kernels", "half", "encoder"),
    [
        *(("cpp", *case) for case in (*PLAIN, *CHANGED)),
        *(("aten", *case) for case in PLAIN),
        *(pytest.param("aten", *case, marks=pytest.mark.nightly) for case in CHANGED),
    ],
    ids=str,
)
def test_activations_are_those_that_the_allocator_hands_out(kernels, half, encoder, checkpoint_blocks, monkeypatch):
    if kernels == "cpp" and why_not(1):
        pytest.skip(why_not(1))
    monkeypatch.setitem(recompute.STRETCH_BYTES, "cpu", 128 * 4 * 32)
    monkeypatch.setitem(blocks.CHUNK_BYTES, "cpu", 32 << 10)
    if checkpoint_blocks == 2:  # two heads at a time; else all of them
        monkeypatch.setitem(lean_block.HELD_BYTES, "cpu", 1)
    changes = {"checkpoint_blocks": checkpoint_blocks, "half": half, "kernels": kernels}
    taken = step({**WIDE, **encoder}, window_bp=2048, batch=1, **changes)
    found = counted(taken)
    of_weights = weights(taken.encoder)
    cast = 2 * (of_weights.block if checkpoint_blocks else of_weights.all) if half else 0
    assert found.activations + _grads(taken) + cast == pytest.approx(handed_out(taken), rel=0.08)


@pytest.mark.parametrize("checkpoint_blocks", [0, 1, 2])
@pytest.mark.parametrize("sequence", [4, 256])
def test_a_slices_activations_are_too_with_the_keys_of_other_slices(sequence, checkpoint_blocks, monkeypatch):
    monkeypatch.setitem(recompute.STRETCH_BYTES, "cpu", 128 * 4 * 32)
    monkeypatch.setitem(blocks.CHUNK_BYTES, "cpu", 32 << 10)
    changes = {"checkpoint_blocks": checkpoint_blocks, "sequence": sequence, "devices": sequence, "batch": 1}
    taken = step({**WIDE, "dilation_growth": 2}, window_bp=2048 * sequence, **changes)
    found = counted(taken)
    assert found.activations + _grads(taken) == pytest.approx(handed_out(taken), rel=0.08)


def _grads(taken: Step) -> int:
    """Of a block's weights, and once more where they are summed up stretch by stretch."""
    return (8 if taken.lean else 4) * weights(taken.encoder).block


def test_what_belongs_to_weights_is_exact():
    of = weights(step().encoder)
    plain, muon = counted(step()), counted(step(muon=True))
    assert (plain.weights, plain.optimizer, plain.gradients) == (4 * of.all, 8 * of.all, 4 * of.all)
    assert muon.optimizer == 8 * of.all - 4 * of.matrices
    assert counted(step(averaged=True)).peak == plain.peak + plain.weights
    assert counted(step(devices=4)).peak == plain.peak + plain.weights, "buckets in which gradients are summed"
    shared = counted(step(devices=4, share_weights=True))
    assert (shared.weights, shared.optimizer) == (of.all, 2 * of.all)


def test_gradients_wait_where_batches_are_accumulated():
    once, twice = (counted(step(accumulation=count)) for count in (1, 2))
    assert once.activations == twice.activations and once.peak < twice.peak
    once, twice = (counted(step(accumulation=count, checkpoint_blocks=1)) for count in (1, 2))
    assert once.peak == twice.peak, "where blocks keep little, the first one needs most: all gradients are there"


def test_slices_take_a_part_of_the_memory_and_room_for_gathered_keys():
    whole, part = (counted(step(WIDE, window_bp=1 << 16, checkpoint_blocks=2, sequence=n, devices=n)) for n in (1, 4))
    assert whole.gathered == 0 < part.gathered < part.activations
    assert whole.activations / 4 < part.activations < whole.activations / 2


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count resident memory otherwise")
@pytest.mark.parametrize(
    ("window_bp", "width", "checkpoint_blocks"),
    [
        (32768, 64, 2),
        *(pytest.param(32768, 64, kept, marks=pytest.mark.nightly) for kept in (0, 1)),
        *(pytest.param(65536, 256, kept, marks=pytest.mark.nightly) for kept in (0, 1, 2)),
        *(pytest.param(1 << 18, 64, kept, marks=pytest.mark.nightly) for kept in (0, 1, 2)),
    ],
)
def test_a_process_grows_by_what_is_counted(window_bp, width, checkpoint_blocks):
    encoder = {**WIDE, "width": width, "layers": 2, "segments": [256, window_bp], "dilations": [1, 64]}
    taken = step(encoder, window_bp=window_bp, batch=1, checkpoint_blocks=checkpoint_blocks)
    found = counted(taken)
    assert found.peak - found.weights == pytest.approx(grown(taken, keeps=False), rel=0.15)
