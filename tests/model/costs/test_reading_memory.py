"""The least that reading windows needs is never more than what the allocator hands out, and not much less."""

import pytest
import torch

from genolong.model import lean_block
from genolong.model.asked_states import asked_states
from genolong.model.costs.reading_memory import least_memory
from genolong.model.costs.step import weights
from genolong.model.encoder import Encoder
from genolong.parallel.shard import SequenceShard
from tests.builders.models import encoder_settings
from tests.oracles.live_memory import most_bytes

WINDOW_BP = 4096


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("two_heads", [False, True])
@pytest.mark.parametrize("few", [False, True])
@pytest.mark.parametrize(("layers", "batch"), [(1, 1), (3, 1), (2, 3)])
def test_no_less_is_handed_out_than_is_counted(monkeypatch, layers, batch, few, two_heads, mixed):
    if two_heads:
        monkeypatch.setitem(lean_block.HELD_BYTES, "cpu", 1)
    encoder = Encoder(encoder_settings(width=96, heads=4, layers=layers, segment=16, growth=4)).eval()
    encoder.mixed = mixed
    codes, shard = torch.zeros(batch, WINDOW_BP, dtype=torch.uint8), SequenceShard.whole(WINDOW_BP)

    @torch.inference_mode()
    def read() -> None:
        asked_states(encoder, codes, torch.tensor([7]), shard) if few else encoder(codes, shard)

    counted = least_memory(encoder.settings, WINDOW_BP, batch, half=mixed, device="cpu")
    counted -= 4 * weights(encoder.settings).all  # there before
    handed_out = most_bytes(read)
    assert counted <= handed_out
    if layers > 1 and not mixed:
        assert 0.4 * handed_out < counted


def test_devices_that_share_windows_hold_a_slice_each():
    settings = encoder_settings(width=96, heads=4, layers=3, segment=16)
    whole, half = (
        least_memory(settings, WINDOW_BP, 1, half=False, device="cpu", sequence=sequence) for sequence in (1, 2)
    )
    of_weights = 4 * weights(settings).all
    assert half - of_weights == pytest.approx((whole - of_weights) / 2, rel=1e-3)
