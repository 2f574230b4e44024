"""A lower bound on the memory of a device that reads windows without training."""

from genolong.model.costs.step import weights
from genolong.model.encoder_settings import EncoderSettings
from genolong.model.lean_block import heads_at_once
from genolong.parallel.slices import longest, slice_bounds

STATE_BYTES = 4


def least_memory(
    encoder: EncoderSettings, window_bp: int, batch: int, *, half: bool, device: str, sequence: int = 1
) -> int:  # fmt: skip
    """Bytes of the weights, and within a block of its input and output states, all heads' outputs, some heads' rows.

    For a model of one block, which may be run for a few positions only, just its input and rows. `half`: matrix
    products use 16 bits. The device holds the longest of `sequence` slices of every window.
    """
    length, row = longest(slice_bounds(window_bp, sequence)), 2 if half else 4
    at_once = heads_at_once(encoder.heads, encoder.width // encoder.heads, batch, length, row, device)
    rows = 3 * row * at_once / encoder.heads
    held = STATE_BYTES + rows if encoder.layers == 1 else 2 * STATE_BYTES + row + rows
    return STATE_BYTES * weights(encoder).all + round(batch * length * encoder.width * held)
